// Runs share the cores of the machine: together they never have more threads than there are.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError } from '#base';
import { Cores } from '../../../services/lib/runtime/cores.js';

/** A run that ends when told to. */
function held(cores: Cores, threads: number, signal?: AbortSignal) {
  let end = (): void => undefined;
  const state = { started: false };
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const settled = cores.use(threads, signal, () => {
    state.started = true;
    return ended;
  });
  return { state, end, settled };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('runs that fit together run together, others in the order they came', async () => {
  const cores = new Cores(4);
  const [a, b, c, d] = [held(cores, 2), held(cores, 2), held(cores, 3), held(cores, 1)];
  await turn();
  assert.deepEqual(
    [a, b, c, d].map(({ state }) => state.started),
    [true, true, false, false],
  );
  a.end();
  await a.settled;
  await turn();
  // One thread would fit, but three have waited longer.
  assert.deepEqual([c.state.started, d.state.started], [false, false]);
  b.end();
  await turn();
  assert.deepEqual([c.state.started, d.state.started], [true, true]);
  c.end();
  d.end();
  await Promise.all([b.settled, c.settled, d.settled]);
});

test('no number of threads, and more threads than cores, mean all cores', async () => {
  const cores = new Cores(2);
  for (const threads of [0, 16]) {
    const [all, one] = [held(cores, threads), held(cores, 1)];
    await turn();
    assert.deepEqual([all.state.started, one.state.started], [true, false]);
    all.end();
    one.end();
    await Promise.all([all.settled, one.settled]);
    assert.ok(one.state.started);
  }
});

test('a run that fails gives its cores back', async () => {
  const cores = new Cores(2);
  await assert.rejects(
    cores.use(2, undefined, () => Promise.reject(new Error('failed'))),
    /failed/,
  );
  assert.equal(await cores.use(2, undefined, async () => 'next'), 'next');
});

test('an abort ends the waiting, and lets those behind go on', async () => {
  const cores = new Cores(2);
  const stop = new AbortController();
  const [first, aborted, behind] = [held(cores, 1), held(cores, 2, stop.signal), held(cores, 1)];
  await turn();
  assert.deepEqual([aborted.state.started, behind.state.started], [false, false]);
  stop.abort();
  await assert.rejects(aborted.settled, (error) => error instanceof DdkError && error.code === 'cancelled');
  await turn();
  assert.deepEqual([aborted.state.started, behind.state.started], [false, true]);
  first.end();
  behind.end();
  await Promise.all([first.settled, behind.settled]);
  await assert.rejects(held(cores, 1, stop.signal).settled, /cancelled/);
});

test('whatever is asked for and given up, the threads at work fit, and everybody who stays gets a turn', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(
        fc.record({
          threads: fc.integer({ min: 0, max: 8 }),
          givesUp: fc.boolean(),
          turns: fc.nat({ max: 3 }),
        }),
        { maxLength: 20 },
      ),
      async (count, wishes) => {
        const cores = new Cores(count);
        let busy = 0;
        let done = 0;
        await Promise.all(
          wishes.map(async ({ threads, givesUp, turns }) => {
            const stop = new AbortController();
            const running = cores.use(threads, stop.signal, async () => {
              const taken = threads === 0 ? count : Math.min(threads, count);
              busy += taken;
              assert.ok(busy <= count);
              for (let i = 0; i < turns; i++) await turn();
              busy -= taken;
            });
            if (givesUp) await turn().then(() => stop.abort());
            await running.then(
              () => done++,
              () => assert.ok(givesUp),
            );
          }),
        );
        assert.equal(busy, 0);
        assert.ok(done >= wishes.filter(({ givesUp }) => !givesUp).length);
      },
    ),
    { numRuns: 100, seed: 7 },
  ));
