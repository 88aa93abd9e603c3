// Those who watch runs: when they go, and when the scheduler does.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RunState } from '#proto/ddk/v1/types';
import { serviceScene } from './service-scene.js';

test('a scheduler that is to end assigns nothing more and sends its watchers elsewhere', async (t) => {
  const { scheduler, spec, store, server } = await serviceScene(t);
  const { run } = await scheduler.createRun({ requestId: 'x', spec });
  const watching = async (): Promise<void> => {
    for await (const { update } of scheduler.watchRun({ run: run!.id, afterRevision: 0n })) {
      const measures = update?.$case === 'run' && update.value.state === RunState.MEASURING;
      if (measures) void server.drain(30_000);
    }
  };
  await assert.rejects(watching(), {
    code: 'unavailable',
    message: /The scheduler is stopping; ask another one, or again in a moment\./,
  });
  await server.drain(30_000);
  const left = await store.records.list('runs/');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(await store.records.list('runs/'), left);
});

test('a watcher that goes away leaves nothing behind', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  await scheduler.createRun({ requestId: 'watched', spec });
  const aborter = new AbortController();
  const watching = scheduler.watchRun({ run: 'example', afterRevision: 0n }, { signal: aborter.signal });
  for await (const { update } of watching) {
    assert.equal(update?.$case, 'run');
    break;
  }
  await assert.rejects(
    async () => {
      for await (const _ of scheduler.watchRun({ run: 'nobody', afterRevision: 0n }))
        throw new Error('an update');
    },
    { code: 'not_found' },
  );
});
