// Time moved by hand.

import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, ManualClock, systemClock } from '#base';

const isCancelled = (error: unknown): boolean => error instanceof DdkError && error.code === 'cancelled';

test('sleepers wake in order of their time, those of one time in order of falling asleep', async () => {
  const clock = new ManualClock(1000);
  const woken: string[] = [];
  const sleep = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms);
    woken.push(`${name}@${clock.now()}`);
  };
  void sleep('c', 30);
  void sleep('a', 10);
  void sleep('b', 10);
  await clock.advance(9);
  assert.deepEqual(woken, []);
  await clock.advance(21);
  assert.deepEqual(woken, ['a@1010', 'b@1010', 'c@1030']);
  assert.equal(clock.now(), 1030);
  assert.equal(clock.monotonicMs(), 30);
});

test('one advance carries a sleeper through several sleeps', async () => {
  const clock = new ManualClock();
  const times: number[] = [];
  void (async () => {
    for (let n = 0; n < 3; n += 1) {
      await clock.sleep(10);
      times.push(clock.now());
    }
  })();
  await clock.advance(100);
  assert.deepEqual(times, [10, 20, 30]);
  assert.equal(clock.sleeping, 0);
});

test('a sleep ends at once when its signal aborts', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleep = clock.sleep(10, controller.signal);
  controller.abort();
  await assert.rejects(sleep, isCancelled);
  assert.equal(clock.sleeping, 0);
  await assert.rejects(clock.sleep(1, controller.signal), isCancelled);
  await assert.rejects(systemClock.sleep(60_000, controller.signal), isCancelled);
});

test('the clock of the system sleeps and moves on', async () => {
  const before = systemClock.monotonicMs();
  await systemClock.sleep(2);
  assert.ok(systemClock.monotonicMs() > before);
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000);
});
