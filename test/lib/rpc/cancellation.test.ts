// Deadlines and cancellation, from either side.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { DdkError } from '#base';
import type { CallContext } from '#rpc';
import { collect, failure, type Note, type Pair, withEcho } from './echo.js';

interface Watched {
  /** Resolves when the handler is waiting, and with its cancellation. */
  readonly waiting: Promise<void>;
  readonly seen: Promise<DdkError>;
  wait(context: CallContext): Promise<never>;
}

/** A handler's way to wait for its own cancellation, and the test's way to learn of it. */
function watched(): Watched {
  let begin: () => void = () => {};
  let report: (error: DdkError) => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const seen = new Promise<DdkError>((resolve) => {
    report = resolve;
  });
  return {
    waiting,
    seen,
    async wait({ signal }) {
      begin();
      if (!signal.aborted) await once(signal, 'abort');
      report(signal.reason);
      throw signal.reason;
    },
  };
}

/** Ample for a call over a connection that stands to reach its handler, which then waits for the deadline to pass. */
const timeoutMs = 500;

async function connected({ count }: Pair['client']): Promise<void> {
  await count([]);
}

test('a deadline ends a unary call on both sides', async () => {
  const { seen, wait } = watched();
  await withEcho({ ask: (_note, context) => wait(context) }, async ({ client }) => {
    await connected(client);
    await assert.rejects(client.ask({ text: '' }, { timeoutMs }), failure('deadline_exceeded'));
    assert.match((await seen).code, /deadline_exceeded|cancelled/);
  });
});

test('a deadline ends a stream on both sides', async () => {
  const { seen, wait } = watched();
  await withEcho(
    {
      async *tell(_note, context) {
        yield { text: 'first' };
        await wait(context);
      },
    },
    async ({ client }) => {
      await connected(client);
      await assert.rejects(collect(client.tell({ text: '' }, { timeoutMs })), failure('deadline_exceeded'));
      assert.match((await seen).code, /deadline_exceeded|cancelled/);
    },
  );
});

test("a caller's signal cancels its unary call, and the handler learns of it", async () => {
  const { waiting, seen, wait } = watched();
  await withEcho({ ask: (_note, context) => wait(context) }, async ({ client }) => {
    const caller = new AbortController();
    const call = client.ask({ text: '' }, { signal: caller.signal });
    void waiting.then(() => caller.abort());
    await assert.rejects(call, failure('cancelled'));
    assert.equal((await seen).code, 'cancelled');
  });
});

test('an aborted signal starts no call', () =>
  withEcho({}, async ({ client }) => {
    await assert.rejects(client.ask({ text: '' }, { signal: AbortSignal.abort() }), failure('cancelled'));
    await assert.rejects(
      collect(client.tell({ text: '' }, { signal: AbortSignal.abort() })),
      failure('cancelled'),
    );
  }));

test('a reader that stops early ends the stream at its source', async () => {
  const { seen, wait } = watched();
  await withEcho(
    {
      async *tell(_note, context) {
        yield { text: 'first' };
        await wait(context);
      },
    },
    async ({ client }) => {
      for await (const { text } of client.tell({ text: '' })) {
        assert.equal(text, 'first');
        break;
      }
      assert.equal((await seen).code, 'cancelled');
    },
  );
});

test('a cancelled bidirectional stream ends the reading of its requests', async () => {
  let ended: unknown;
  let finished: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    finished = resolve;
  });
  await withEcho(
    {
      async *talk(notes) {
        yield { text: 'ready' };
        try {
          for await (const _ of notes);
        } catch (error) {
          ended = error;
          throw error;
        } finally {
          finished();
        }
      },
    },
    async ({ client }) => {
      const caller = new AbortController();
      async function* questions(): AsyncGenerator<Note> {
        yield { text: 'one' };
        await new Promise(() => {}); // a source that never comes back
      }
      await assert.rejects(async () => {
        for await (const _ of client.talk(questions(), { signal: caller.signal })) caller.abort();
      }, failure('cancelled'));
      await done;
      assert.equal((ended as DdkError).code, 'cancelled');
    },
  );
});

test('a call made on behalf of another ends with it and has no longer than it has', async () => {
  const { seen, wait } = watched();
  await withEcho(
    {
      ask: (_note, context) => wait(context),
    },
    async ({ client }) => {
      await connected(client);
      const parent = { signal: new AbortController().signal, deadlineMs: Date.now() + timeoutMs };
      await assert.rejects(
        client.ask({ text: '' }, { parent, timeoutMs: 60_000 }),
        failure('deadline_exceeded'),
      );
      await seen;
      const outer = new AbortController();
      const cancelled = client.ask(
        { text: '' },
        { parent: { signal: outer.signal, deadlineMs: Number.POSITIVE_INFINITY } },
      );
      outer.abort(new DdkError('aborted', 'the run was withdrawn'));
      await assert.rejects(cancelled, failure('aborted', /withdrawn/));
    },
  );
});

test('a closed client connection cancels what it was waiting for', async () => {
  const { waiting, seen, wait } = watched();
  await withEcho({ ask: (_note, context) => wait(context) }, async ({ client, server }) => {
    const call = client.ask({ text: '' });
    await waiting;
    await server.close();
    await assert.rejects(call, (error: DdkError) => ['unavailable', 'cancelled'].includes(error.code));
    assert.equal((await seen).code, 'cancelled');
  });
});
