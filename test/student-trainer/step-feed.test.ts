// What is made ready while earlier steps train.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Corpus, Window } from '#corpus';
import { type FeedOptions, stepFeed } from '../../services/student-trainer/step-feed.js';

const window: Window = { ids: new Int32Array(5), mask: new Uint8Array(4).fill(1) };

function feed<Targets>(change: Pick<FeedOptions<Targets>, 'fetchTargets'> & Partial<FeedOptions<Targets>>) {
  const corpus = {
    manifest: { domains: [{ trainWindows: 10 }, { trainWindows: 10 }] },
    window: async () => window,
  } as unknown as Corpus;
  return stepFeed<Targets>({
    corpus,
    seed: 1,
    weights: [0.5, 0.5],
    batchSize: 2,
    from: 1,
    to: 8,
    cursors: { drawn: [0, 0] },
    ahead: 3,
    signal: new AbortController().signal,
    ...change,
  });
}

test('steps come in order, with those ahead of the one in hand under way', async () => {
  const asked: number[] = [];
  const steps = feed({
    fetchTargets: async (step) => {
      asked.push(step);
      // Later steps are ready first.
      for (let turn = step; turn < 12; turn++) await nextTurn();
      return step;
    },
  });
  const seen: number[] = [];
  for await (const { step, targets } of steps) {
    assert.equal(targets, step);
    assert.ok(asked.length <= step + 3);
    seen.push(step);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a feed that is ended early ends what is being fetched', async () => {
  const signals: AbortSignal[] = [];
  const steps = feed({
    fetchTargets: async (_step, _windows, signal) => {
      signals.push(signal);
      if (signals.length > 1) await once(signal, 'abort');
      return null;
    },
  });
  await steps.next();
  assert.equal(signals[0]?.aborted, false);
  await steps.return(undefined);
  assert.equal(signals[0]?.aborted, true);
});

test('a step of many messages to the teacher brings no warning', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on('warning', warned);
  const steps = feed({
    fetchTargets: async (_step, _windows, signal) => {
      for (let message = 0; message < 20; message++) signal.addEventListener('abort', () => undefined);
      return null;
    },
  });
  await steps.next();
  await steps.return(undefined);
  // Warnings are told on a later turn.
  await nextTurn();
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
});

test('the windows of a large step are read some at a time, and others have their turn meanwhile', async () => {
  let open = 0;
  let most = 0;
  const corpus = {
    manifest: { domains: [{ trainWindows: 10 }, { trainWindows: 10 }] },
    window: async () => {
      open += 1;
      most = Math.max(most, open);
      await Promise.resolve();
      open -= 1;
      return window;
    },
  } as unknown as Corpus;
  let turns = 0;
  let over = false;
  const others = (async () => {
    while (!over) {
      await nextTurn();
      turns += 1;
    }
  })();
  const steps = feed({ corpus, batchSize: 5000, ahead: 1, fetchTargets: async () => null });
  const { value } = await steps.next();
  over = true;
  await others;
  await steps.return(undefined);
  assert.equal(value?.windows.length, 5000);
  // Those of two steps.
  assert.ok(most <= 2 * 256, `${most} at once`);
  assert.ok(turns >= 5000 / 256, `${turns} turns`);
});
