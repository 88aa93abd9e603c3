// Calls of every kind through a real server on the loopback interface.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createClient } from '#rpc';
import { collect, EchoService, failure, type Note, withEcho } from './echo.js';

test('a unary call returns the response', () =>
  withEcho({}, async ({ client }) => {
    assert.deepEqual(await client.ask({ text: 'hello' }), { text: 'hello' });
  }));

test('a server stream arrives in order and ends', () =>
  withEcho({}, async ({ client }) => {
    assert.deepEqual(await collect(client.tell({ text: 'n' })), [
      { text: 'n 0' },
      { text: 'n 1' },
      { text: 'n 2' },
    ]);
  }));

test('a bidirectional stream answers each message while the next ones are still to come', () =>
  withEcho({}, async ({ client }) => {
    const answered: string[] = [];
    let release: () => void = () => {};
    async function* questions(): AsyncGenerator<Note> {
      for (const text of ['a', 'b', 'c']) {
        const answer = new Promise<void>((resolve) => {
          release = resolve;
        });
        yield { text };
        await answer; // the next question is only asked once this one is answered
      }
    }
    for await (const { text } of client.talk(questions())) {
      answered.push(text);
      release();
    }
    assert.deepEqual(answered, ['a', 'b', 'c']);
  }));

test('a bidirectional stream may answer after its last request', () =>
  withEcho(
    {
      async *talk(notes) {
        const all = await collect(notes);
        for (const note of all.reverse()) yield note;
      },
    },
    async ({ client }) => {
      const answers = await collect(client.talk([{ text: '1' }, { text: '2' }]));
      assert.deepEqual(answers, [{ text: '2' }, { text: '1' }]);
    },
  ));

test('a client stream returns one response', () =>
  withEcho({}, async ({ client }) => {
    assert.deepEqual(await client.count([{ text: 'a' }, { text: 'b' }]), { text: '2' });
  }));

test('a server stream may end before its client has sent everything', () =>
  withEcho(
    {
      async *talk() {
        yield { text: 'enough' };
      },
    },
    async ({ client }) => {
      async function* endless(): AsyncGenerator<Note> {
        for (;;) yield { text: 'more' };
      }
      assert.deepEqual(await collect(client.talk(endless())), [{ text: 'enough' }]);
    },
  ));

test('what the requests of a stream throw is what its responses throw', () =>
  withEcho({}, async ({ client }) => {
    async function* broken(): AsyncGenerator<Note> {
      yield { text: 'one' };
      throw new Error('the source broke');
    }
    await assert.rejects(collect(client.talk(broken())), /the source broke/);
  }));

test('the handler sees who calls, what was sent along and when the answer is due', () =>
  withEcho(
    {
      async ask(_note, { peer, method, metadata, deadlineMs }) {
        return {
          text: JSON.stringify({
            local: peer.startsWith('127.0.0.1:'),
            method,
            tag: metadata.tag,
            deadlineMs,
          }),
        };
      },
    },
    async ({ client }) => {
      const before = Date.now();
      const { text } = await client.ask({ text: '' }, { timeoutMs: 20_000, metadata: { tag: 'blue' } });
      const seen = JSON.parse(text);
      assert.equal(seen.local, true);
      assert.equal(seen.method, 'test.Echo/Ask');
      assert.equal(seen.tag, 'blue');
      // The deadline travels as a whole number of milliseconds from the sending; it is neither lost nor stretched.
      assert.ok(seen.deadlineMs > before + 10_000 && seen.deadlineMs < Date.now() + 30_000);
    },
  ));

test('a client can wait for its server, or be told that there is none', async () => {
  let address = '';
  await withEcho({}, async ({ client, server }) => {
    await client.ready(5_000);
    address = server.address;
  });
  const early = await createClient(EchoService, address);
  await assert.rejects(
    early.ready(100),
    failure('unavailable', /no connection to 127\.0\.0\.1:\d+ within 100 ms/),
  );
  await assert.rejects(early.ask({ text: 'now' }), failure('unavailable'));
  const patient = early.ask({ text: 'whenever' }, { waitForReady: true, timeoutMs: 20_000 });
  await withEcho(
    {},
    async () => {
      assert.deepEqual(await patient, { text: 'whenever' });
    },
    { address },
  );
  early.close();
});
