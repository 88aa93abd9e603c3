// The coordinator over a store and a bus in memory, with workers that fail, die and overtake one another.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, ManualClock } from '#base';
import { IntervalRecord, WorkState } from '#proto/ddk/v1/types';
import { runEventSubject } from '#work';
import type { RunState } from '../../services/scheduler/run-state.js';
import { workKey } from '../../services/scheduler/work-records.js';
import { scene } from './coordinator-scene.js';
import { startFakeWorkers, workerDied } from './fake-workers.js';

function milestone(): { readonly waited: Promise<void>; reached(): void } {
  let reached: () => void = () => {};
  const waited = new Promise<void>((resolve) => {
    reached = resolve;
  });
  return { waited, reached: () => reached() };
}

const succeeded = (state: RunState) => state.phase.kind === 'succeeded';
const in_ = (kind: string) => (state: RunState) => state.phase.kind === kind;

test('a run goes from its creation to its export', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const workers = await startFakeWorkers(store, bus);
  const told: string[] = [];
  await bus.subscribe(
    runEventSubject('*', '>'),
    (message) => void told.push(message.subject.split('.').at(-1)!),
  );
  const scheduler = await coordinator();
  const runId = await create('one');
  scheduler.hint(runId);
  const state = await until(runId, succeeded);
  assert.equal(state.checkpointDigest, 'sha256:base>0>1');
  assert.equal(state.exportDigest, 'export-of-sha256:base>0>1');
  assert.deepEqual(workers.taken, ['evaluate/0', 'train/0', 'evaluate/1', 'train/1', 'evaluate/2', 'export']);
  assert.equal(told.filter((kind) => kind === 'interval-planned').length, 2);
  assert.ok(told.includes('run-changed'));
});

test('a scheduler that starts takes up every run where it stands', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const first = await create('first');
  const second = await create('second');
  await startFakeWorkers(store, bus);
  await coordinator();
  await until(first, succeeded);
  await until(second, succeeded);
});

test('work in the hands of a process that ended is assigned anew and goes on from what was committed', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const workers = await startFakeWorkers(store, bus);
  const runId = await create('killed');
  const key = workKey(runId, 'train', 1);
  workers.before = async (item) => {
    if (item !== 'train/1') return;
    const { value, revision } = (await store.records.get(key))!;
    const record = IntervalRecord.decode(value);
    const halfway = { ...record, step: 15, checkpointDigest: 'sha256:halfway' };
    await store.records.update(key, IntervalRecord.encode(halfway).finish(), revision);
    throw workerDied();
  };
  const before = await coordinator();
  const running = await until(runId, (state) => state.phase.kind === 'training' && state.interval === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await before.close();
  workers.before = async (item) => {
    if (item !== 'train/1') return;
    const record = IntervalRecord.decode((await store.records.get(key))!.value);
    assert.equal(record.step, 15);
    assert.equal(record.checkpointDigest, 'sha256:halfway');
    assert.ok(record.attempt > running.attempt);
  };
  await coordinator();
  const state = await until(runId, succeeded);
  assert.equal(workers.taken.filter((item) => item === 'train/1').length, 2);
  assert.equal(state.failures, 0);
});

test('a committed result counts even if nobody was told of it', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  await startFakeWorkers(store, bus);
  const scheduler = await coordinator({ publish: () => Promise.reject(new Error('the bus is down')) }, true);
  const runId = await create('silent');
  scheduler.hint(runId);
  await until(runId, succeeded);
});

test('a retryable failure is tried again after its delay', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const clock = new ManualClock(1_000_000);
  const workers = await startFakeWorkers(store, bus);
  let failures = 0;
  workers.before = (item) => {
    if (item === 'train/0' && failures++ < 2)
      throw new DdkError('unavailable', 'The teacher does not answer.');
  };
  const scheduler = await coordinator({ clock });
  const runId = await create('patient', 1);
  scheduler.hint(runId);
  const once = await until(runId, (state) => state.failures === 1);
  assert.equal(failures, 1);
  await clock.advance(999);
  assert.equal(failures, 1);
  await clock.advance(1);
  await until(runId, (state) => state.failures === 2);
  await clock.advance(2_000);
  const state = await until(runId, succeeded);
  assert.ok(state.attempt > once.attempt);
});

test('a failure that lasts pauses the run, and resuming goes on', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const workers = await startFakeWorkers(store, bus);
  workers.before = (item) => {
    if (item !== 'train/0') return;
    throw new DdkError('failed_precondition', 'The loss is NaN.', { reason: 'LOSS_NOT_FINITE' });
  };
  const scheduler = await coordinator();
  const runId = await create('broken', 1);
  scheduler.hint(runId);
  const paused = await until(runId, in_('paused'));
  assert.ok(paused.phase.kind === 'paused');
  assert.deepEqual(paused.phase.reason, { code: 'LOSS_NOT_FINITE', message: 'The loss is NaN.' });
  workers.before = () => {};
  await scheduler.request(runId, [{ kind: 'resume_requested', atMs: Date.now() }]);
  await until(runId, succeeded);
});

test('pausing stops the worker in the middle of its work', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const workers = await startFakeWorkers(store, bus);
  const begun = milestone();
  const stopped = milestone();
  workers.before = (item, signal) => {
    if (item !== 'train/0') return;
    begun.reached();
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        stopped.reached();
        reject(signal.reason);
      });
    });
  };
  const scheduler = await coordinator();
  const runId = await create('stopped', 1);
  scheduler.hint(runId);
  await begun.waited;
  const paused = await scheduler.request(runId, [{ kind: 'pause_requested', atMs: Date.now() }]);
  assert.equal(paused.state.phase.kind, 'paused');
  await stopped.waited;
  const record = IntervalRecord.decode((await store.records.get(workKey(runId, 'train', 0)))!.value);
  assert.equal(record.state, WorkState.WITHDRAWN);
  workers.before = () => {};
  await scheduler.request(runId, [{ kind: 'resume_requested', atMs: Date.now() }]);
  const state = await until(runId, succeeded);
  assert.equal(state.checkpointDigest, 'sha256:base>0');
});

test('a succeeded run can be extended, a cancelled one cannot', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  await startFakeWorkers(store, bus);
  const scheduler = await coordinator();
  const runId = await create('longer', 1);
  scheduler.hint(runId);
  await until(runId, succeeded);
  const atMs = Date.now();
  await assert.rejects(
    scheduler.request(runId, [{ kind: 'resume_requested', atMs }]),
    (error) => error instanceof DdkError && error.code === 'failed_precondition',
  );
  await scheduler.request(runId, [
    { kind: 'extend_requested', intervals: 1, atMs },
    { kind: 'resume_requested', atMs },
  ]);
  const longer = await until(runId, succeeded);
  assert.equal(longer.checkpointDigest, 'sha256:base>0>1');
  assert.equal(longer.exportDigest, 'export-of-sha256:base>0>1');

  const other = await create('cancelled', 1);
  await scheduler.request(other, [{ kind: 'cancel_requested', atMs }]);
  await assert.rejects(
    scheduler.request(other, [{ kind: 'extend_requested', intervals: 1, atMs }]),
    /been cancelled and cannot be extended/,
  );
});

test('a run that cannot be prepared has failed with the reason', async (t) => {
  const { coordinator, create, until } = await scene(t);
  const scheduler = await coordinator({
    prepare: () =>
      Promise.reject(new DdkError('not_found', 'The corpus is gone.', { reason: 'ARTIFACT_MISSING' })),
  });
  const runId = await create('gone');
  scheduler.hint(runId);
  const state = await until(runId, in_('failed'));
  assert.ok(state.phase.kind === 'failed');
  assert.deepEqual(state.phase.reason, { code: 'ARTIFACT_MISSING', message: 'The corpus is gone.' });
});

test('two schedulers at once bring a run to the same end', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const workers = await startFakeWorkers(store, bus);
  const runId = await create('shared', 3);
  await Promise.all([coordinator(), coordinator()]);
  const state = await until(runId, succeeded);
  assert.equal(state.checkpointDigest, 'sha256:base>0>1>2');
  for (const interval of [0, 1, 2]) {
    const times = workers.taken.filter((item) => item === `train/${interval}`).length;
    // Started again by the other one at most; committed once, as the lineage shows.
    assert.ok(times >= 1 && times <= 2);
  }
});

test('a damaged record does not keep the other runs from going on', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  await startFakeWorkers(store, bus);
  await store.records.create('runs/r-damaged', Uint8Array.of(255, 255));
  await store.records.create('names/damaged', Buffer.from('r-damaged'));
  const runId = await create('sound', 1);
  await coordinator();
  await until(runId, succeeded);
});
