// Sizes and pace: slow readers, messages over the limit.
import assert from 'node:assert/strict';
import test from 'node:test';
import { collect, failure, type Note, withEcho } from './echo.js';

const payload = 'x'.repeat(256 * 1024);

test('a slow reader holds its server back, so that memory does not grow with the length of the stream', async () => {
  let produced = 0;
  await withEcho(
    {
      async *tell() {
        for (; produced < 1000; produced += 1) yield { text: String(produced), payload };
      },
    },
    async ({ client }) => {
      let read = 0;
      for await (const _ of client.tell({ text: '' })) {
        read += 1;
        await new Promise((resolve) => setTimeout(resolve, 10));
        if (read === 20) break;
      }
      // Ahead of the reader: 2 in the outbox, 16 in grpc-js's reading buffer, 4 MiB of flow-control window = 16 messages,
      // and what the sockets of the kernel hold (a few MiB), of 1000.
      assert.ok(produced < 100, `${produced} messages were produced for ${read} that were read`);
    },
  );
});

test('a slow server holds its caller back', async () => {
  let asked = 0;
  await withEcho(
    {
      async *talk(notes) {
        let taken = 0;
        for await (const _ of notes) {
          taken += 1;
          await new Promise((resolve) => setTimeout(resolve, 10));
          if (taken === 20) return;
          yield { text: String(taken) };
        }
      },
    },
    async ({ client }) => {
      async function* questions(): AsyncGenerator<Note> {
        for (; asked < 1000; asked += 1) yield { text: String(asked), payload };
      }
      await collect(client.talk(questions()));
      assert.ok(asked < 100, `${asked} messages were sent for 20 that were taken`);
    },
  );
});

test('a message over the limit is refused in either direction, and the server goes on', () =>
  withEcho(
    {
      async ask({ text }) {
        return { text, ...(text === 'big answer' ? { payload } : {}) };
      },
      async *tell() {
        yield { text: 'small' };
        yield { text: 'big', payload };
      },
    },
    async ({ client }) => {
      await assert.rejects(client.ask({ text: 'big question', payload }), failure('resource_exhausted'));
      await assert.rejects(client.ask({ text: 'big answer' }), failure('resource_exhausted'));
      await assert.rejects(collect(client.tell({ text: '' })), failure('resource_exhausted'));
      assert.deepEqual(await client.ask({ text: 'small' }), { text: 'small' });
    },
    { limits: { maxMessageBytes: 64 * 1024 } },
  ));

test('a caller refuses to send more than its own limit, in a stream too', () =>
  withEcho(
    {},
    async ({ client }) => {
      await assert.rejects(client.ask({ text: '', payload }), failure('resource_exhausted'));
      await assert.rejects(collect(client.talk([{ text: '', payload }])), failure('resource_exhausted'));
    },
    { client: { maxMessageBytes: 64 * 1024 } },
  ));
