// The fence: one record decides who may commit, whatever queues and workers believe.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, systemClock } from '#base';
import { IntervalRecord, WorkState } from '#proto/ddk/v1/types';
import { openMemoryStore, type Store } from '#store';
import { claimWork, doWork, isWorkerStopping, workerStopping } from '#work';

const key = 'runs/r/train/0';

async function assigned(change: Partial<IntervalRecord> = {}): Promise<Store> {
  const store = openMemoryStore();
  const record = IntervalRecord.fromPartial({
    runId: 'r',
    attempt: 1,
    state: WorkState.ASSIGNED,
    endStep: 10,
    ...change,
  });
  await store.records.create(key, IntervalRecord.encode(record).finish());
  return store;
}

const claim = (store: Store, attempt = 1, worker = 'a') =>
  claimWork<IntervalRecord>({ store, key, codec: IntervalRecord, attempt, worker, pollMs: 5 });

async function taken(store: Store, attempt = 1, worker = 'a') {
  const result = await claim(store, attempt, worker);
  assert.equal(result.kind, 'taken');
  return result.assignment;
}

async function stored(store: Store): Promise<IntervalRecord> {
  return IntervalRecord.decode((await store.records.get(key))!.value);
}

/** What the scheduler does when it gives the work to a new attempt. */
async function reassign(store: Store, change: Partial<IntervalRecord>): Promise<void> {
  const record = (await store.records.get(key))!;
  const next = { ...IntervalRecord.decode(record.value), ...change };
  await store.records.update(key, IntervalRecord.encode(next).finish(), record.revision);
}

const lost = (error: unknown) => error instanceof DdkError && error.reason === 'ASSIGNMENT_LOST';

test('a worker takes what is assigned and commits to it', async () => {
  const store = await assigned();
  const work = await taken(store);
  await work.commit({ step: 4, checkpointDigest: 'sha256:x' });
  await work.commit({ step: 10, state: WorkState.COMPLETE });
  work.release();
  const record = await stored(store);
  assert.deepEqual([record.state, record.step, record.worker], [WorkState.COMPLETE, 10, 'a']);
});

test('of two workers that are given the same attempt one gets it', async () => {
  const store = await assigned();
  const results = await Promise.all([claim(store, 1, 'a'), claim(store, 1, 'b')]);
  assert.deepEqual(results.map((r) => r.kind).sort(), ['lost', 'taken']);
});

test('an attempt that was followed by another, withdrawn or failed is lost', async () => {
  assert.equal((await claim(await assigned({ attempt: 2 }), 1)).kind, 'lost');
  assert.equal((await claim(await assigned({ state: WorkState.WITHDRAWN }))).kind, 'lost');
  assert.equal((await claim(await assigned({ state: WorkState.FAILED }))).kind, 'lost');
  assert.equal((await claim(await assigned({ state: WorkState.COMPLETE, attempt: 9 }), 1)).kind, 'complete');
  await assert.rejects(claim(openMemoryStore()), { code: 'not_found' });
});

test('a worker that lost its assignment cannot commit, and is told while it works', async () => {
  const store = await assigned();
  const work = await taken(store);
  await reassign(store, { attempt: 2, state: WorkState.ASSIGNED });
  // Looking out for a loss keeps no process alive, so the test does.
  while (!work.signal.aborted) await systemClock.sleep(5);
  await assert.rejects(work.commit({ step: 4 }), lost);
  const record = await stored(store);
  assert.deepEqual([record.attempt, record.step], [2, 0]);
});

test('a commit finds out about a loss that was not noticed yet', async () => {
  const store = await assigned();
  const result = await claimWork<IntervalRecord>({
    store,
    key,
    codec: IntervalRecord,
    attempt: 1,
    worker: 'a',
    pollMs: 60_000,
  });
  assert.equal(result.kind, 'taken');
  await reassign(store, { state: WorkState.WITHDRAWN });
  await assert.rejects(result.assignment.commit({ step: 4 }), lost);
  await assert.rejects(result.assignment.commit({ step: 5 }), lost);
  result.assignment.release();
});

test('work is done once: a second delivery tells of it again and does nothing', async () => {
  const store = await assigned();
  const told: WorkState[] = [];
  let bodies = 0;
  const options = {
    store,
    key,
    codec: IntervalRecord,
    attempt: 1,
    worker: 'a',
    signal: new AbortController().signal,
    body: async (work: Awaited<ReturnType<typeof taken>>) => {
      bodies += 1;
      await work.commit({ step: 10, state: WorkState.COMPLETE });
    },
    tell: async (record: IntervalRecord) => {
      told.push(record.state);
    },
  };
  await doWork<IntervalRecord>(options);
  await doWork<IntervalRecord>(options);
  assert.equal(bodies, 1);
  assert.deepEqual(told, [WorkState.COMPLETE, WorkState.COMPLETE]);
});

test('a failure is recorded with its reason before it is told and thrown', async () => {
  const store = await assigned();
  const told: IntervalRecord[] = [];
  const failure = new DdkError('failed_precondition', 'step 3 is not finite', { reason: 'LOSS_NOT_FINITE' });
  const attempt = doWork<IntervalRecord>({
    store,
    key,
    codec: IntervalRecord,
    attempt: 1,
    worker: 'a',
    signal: new AbortController().signal,
    body: () => Promise.reject(failure),
    tell: async (record) => {
      told.push(record);
    },
  });
  await assert.rejects(attempt, failure);
  const record = await stored(store);
  assert.equal(record.state, WorkState.FAILED);
  assert.deepEqual(record.failure, { code: 'LOSS_NOT_FINITE', message: 'step 3 is not finite' });
  assert.equal(record.failureRetryable, false);
  assert.equal(told.length, 1);
});

test('work that the process leaves because it ends stays for another attempt', async () => {
  const store = await assigned();
  const ending = new AbortController();
  const attempt = doWork<IntervalRecord>({
    store,
    key,
    codec: IntervalRecord,
    attempt: 1,
    worker: 'a',
    signal: ending.signal,
    body: async () => {
      ending.abort();
      throw new DdkError('aborted', 'stopping');
    },
    tell: () => Promise.reject(new Error('there is nothing to tell')),
  });
  await assert.rejects(attempt, { code: 'aborted' });
  assert.equal((await stored(store)).state, WorkState.RUNNING);
});

test('an attempt that ends because its process is to end is left as it is, with what it committed', async () => {
  const store = await assigned();
  const stopping = new AbortController();
  const told: IntervalRecord[] = [];
  const work = doWork<IntervalRecord>({
    store,
    key,
    codec: IntervalRecord,
    attempt: 1,
    worker: 'a',
    signal: new AbortController().signal,
    stopping: stopping.signal,
    async body(assignment, signal) {
      stopping.abort(workerStopping('The trainer'));
      assert.ok(!signal.aborted, 'the body ends by itself');
      await assignment.commit({ step: 4, checkpointDigest: 'sha256:x' });
      stopping.signal.throwIfAborted();
    },
    tell: async (record) => void told.push(record),
  });
  await assert.rejects(work, (error: DdkError) => isWorkerStopping(error));
  const { state, step, failure } = await stored(store);
  assert.deepEqual([state, step, failure], [WorkState.RUNNING, 4, undefined]);
  assert.deepEqual(told, []);
});

test('a commit that can be seen before it has returned is no loss', async () => {
  const store = await assigned();
  const { records } = store;
  const slow: Store = {
    ...store,
    records: Object.assign(Object.create(records), {
      async update(...args: Parameters<typeof records.update>) {
        const revision = await records.update(...args);
        // Several looks long.
        await systemClock.sleep(40);
        return revision;
      },
    }),
  };
  const work = await taken(slow);
  for (const step of [2, 4]) await work.commit({ step });
  await systemClock.sleep(20);
  assert.equal(work.signal.aborted, false);
  await work.commit({ step: 10, state: WorkState.COMPLETE });
  work.release();
});
