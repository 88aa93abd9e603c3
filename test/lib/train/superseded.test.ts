// Superseded checkpoints: deleted after their grace, and never what any record or anybody at work still needs.
import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import test, { type TestContext } from 'node:test';
import { ManualClock, silentLogger } from '#base';
import { EvaluationRecord, ExportRecord, Interval, IntervalRecord, Run } from '#proto/ddk/v1/types';
import { openDiskStore, type RecordStore, type Store } from '#store';
import { SupersededCheckpoints } from '#train';
import { temporaryFolder } from '../../support/temporary-folder.js';

const graceMs = 60_000;
/** The grace, and what writing so many bytes adds to it. */
const bytes = 20_000;
const dueMs = graceMs + 1;
/** By the clock of the tests; what they put lies before it. */
const startMs = Date.now() + 3_600_000;

interface Checkpoint {
  readonly digest: string;
  readonly weights: string;
  readonly moments: string;
}

interface Scene {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly superseded: SupersededCheckpoints;
  /** A checkpoint with these bytes, as its artifacts. */
  put(weights: string, moments: string): Promise<Checkpoint>;
  putRun(run: Run): Promise<void>;
  /** Puts the artifact again, at the time of the clock. */
  putAgain(bytes: string): Promise<void>;
  /** Moves time on and waits for what it has set going. */
  pass(ms: number): Promise<void>;
  /** Which parts of the checkpoint are there. */
  left(checkpoint: Checkpoint): Promise<string>;
}

async function scene(t: TestContext, change: (store: Store) => Store = (store) => store): Promise<Scene> {
  const store = await openDiskStore(await temporaryFolder(t));
  const { artifacts } = store;
  const clock = new ManualClock(startMs);
  const superseded = new SupersededCheckpoints({
    store: change(store),
    clock,
    logger: silentLogger,
    graceMs,
  });
  const text = (value: string) => artifacts.put(Buffer.from(value));
  const put: Scene['put'] = async (weightsText, momentsText) => {
    const [weights, moments] = [await text(weightsText), await text(momentsText)];
    const manifest = {
      ...{ formatVersion: 1, step: 3, environment: null, weights, moments, weightsDigest: weights.digest },
      ...{ cursors: null, mixtureVersion: 0, metrics: null },
    };
    const { digest } = await text(JSON.stringify(manifest));
    return { digest, weights: weights.digest, moments: moments.digest };
  };
  return {
    store,
    clock,
    superseded,
    put,
    async putRun(run) {
      await store.records.create(`names/${run.id}`, Buffer.from(run.id));
      await store.records.create(`runs/${run.id}`, Run.encode(run).finish());
    },
    async putAgain(bytes) {
      const { digest } = await text(bytes);
      await utimes(await artifacts.localPath(digest), clock.now() / 1000, clock.now() / 1000);
    },
    async pass(ms) {
      await clock.advance(ms);
      await superseded.idle();
    },
    async left({ digest, weights, moments }) {
      const parts = { manifest: digest, weights, moments };
      const there = [];
      for (const [name, part] of Object.entries(parts)) if (await artifacts.has(part)) there.push(name);
      return there.join(' ');
    },
  };
}

const whole = 'manifest weights moments';

test('a superseded checkpoint goes once its grace is over, all of it, and no other', async (t) => {
  const { superseded, put, pass, left } = await scene(t);
  const [old, stranger] = [await put('w1', 'm1'), await put('w2', 'm2')];
  superseded.add(old.digest, bytes);
  await pass(graceMs);
  assert.equal(await left(old), whole);
  const recent = await put('w3', 'm3');
  superseded.add(recent.digest, bytes);
  await pass(1);
  assert.equal(await left(old), '');
  assert.deepEqual([await left(recent), await left(stranger)], [whole, whole]);
  // Nothing else has to happen for it to go.
  await pass(dueMs);
  assert.deepEqual([await left(recent), await left(stranger)], ['', whole]);
});

test('once closed, nothing goes any more', async (t) => {
  const { superseded, put, pass, left } = await scene(t);
  const [old, later] = [await put('w1', 'm1'), await put('w2', 'm2')];
  superseded.add(old.digest, bytes);
  await superseded.close();
  superseded.add(later.digest, bytes);
  await pass(2 * dueMs);
  assert.deepEqual([await left(old), await left(later)], [whole, whole]);
});

test('what was the best of a run, or an end of its latest intervals, goes once it is that no more', async (t) => {
  const { store, superseded, put, putRun, pass, left } = await scene(t);
  const [best, end, later] = [await put('w1', 'm1'), await put('w2', 'm2'), await put('w3', 'm3')];
  const intervals = [{ index: 0, checkpointDigest: end.digest }, { index: 1 }];
  await putRun(Run.fromPartial({ id: 'run', bestCheckpointDigest: best.digest, intervals }));
  superseded.add(best.digest, bytes);
  superseded.add(end.digest, bytes);
  await pass(dueMs);
  assert.deepEqual([await left(best), await left(end)], [whole, whole]);

  const run = (await store.records.get('runs/run'))!;
  const closed = Interval.encode(Interval.fromPartial(intervals[0]!)).finish();
  await store.records.create('runs/run/intervals/0', closed);
  const moved = { ...Run.decode(run.value), bestCheckpointDigest: '', intervals: [] };
  await store.records.update('runs/run', Run.encode(moved).finish(), run.revision);
  superseded.add(later.digest, bytes);
  await pass(dueMs);
  assert.deepEqual([await left(best), await left(end), await left(later)], ['', '', '']);
});

test('a record that names what is no checkpoint keeps nobody from clearing up', async (t) => {
  const { store, superseded, put, putRun, pass, left } = await scene(t);
  const { digest } = await store.artifacts.put(Buffer.from('{}'));
  await putRun(Run.fromPartial({ id: 'odd', spec: { baseCheckpointDigest: digest } }));
  const old = await put('w', 'm');
  superseded.add(old.digest, bytes);
  await pass(dueMs);
  assert.equal(await left(old), '');
  assert.ok(await store.artifacts.has(digest));
});

test('a checkpoint that any record names stays, in whatever place', async (t) => {
  const { store, superseded, put, putRun, pass, left } = await scene(t);
  const named: Checkpoint[] = [];
  const superseding = async (name: string): Promise<string> => {
    const checkpoint = await put(`weights ${name}`, `moments ${name}`);
    superseded.add(checkpoint.digest, bytes);
    named.push(checkpoint);
    return checkpoint.digest;
  };
  await putRun(
    Run.fromPartial({ id: 'forked', spec: { baseCheckpointDigest: await superseding('base of a run') } }),
  );
  await putRun(Run.fromPartial({ id: 'paused', checkpointDigest: await superseding('last of a run') }));
  await putRun(Run.fromPartial({ id: 'better', bestCheckpointDigest: await superseding('best of a run') }));
  await putRun(
    Run.fromPartial({
      id: 'long',
      interval: 4,
      intervals: [
        { index: 3, baseCheckpointDigest: await superseding('base of a late interval') },
        { index: 4, checkpointDigest: await superseding('end of a late interval') },
      ],
    }),
  );
  const ends: Readonly<Record<string, Uint8Array>> = {
    'train/4': IntervalRecord.encode(
      IntervalRecord.fromPartial({
        baseCheckpointDigest: await superseding('base of an interval in hand'),
        checkpointDigest: await superseding('last of an interval in hand'),
      }),
    ).finish(),
    'evaluate/4': EvaluationRecord.encode(
      EvaluationRecord.fromPartial({ checkpointDigest: await superseding('measured') }),
    ).finish(),
    export: ExportRecord.encode(
      ExportRecord.fromPartial({ checkpointDigest: await superseding('exported') }),
    ).finish(),
  };
  for (const [key, value] of Object.entries(ends)) await store.records.create(`runs/long/${key}`, value);
  await store.records.create('pretrain/x', Buffer.from(await superseding('pretrained')));
  const nobodys = await put('w', 'm');
  superseded.add(nobodys.digest, bytes);
  await pass(dueMs);
  for (const [index, checkpoint] of named.entries())
    assert.equal(await left(checkpoint), whole, String(index));
  assert.equal(await left(nobodys), '');
});

test('what a checkpoint shares with one that a record names stays, the rest goes', async (t) => {
  const { superseded, put, putRun, pass, left } = await scene(t);
  const [mine, twins] = [await put('same weights', 'mine'), await put('same weights', 'of the twin')];
  await putRun(Run.fromPartial({ id: 'twin', checkpointDigest: twins.digest }));
  superseded.add(mine.digest, bytes);
  await pass(dueMs);
  assert.deepEqual([await left(mine), await left(twins)], ['weights', whole]);
});

test('what was put again since is spared: whoever put it has not committed it yet', async (t) => {
  const { clock, superseded, put, putAgain, pass, left } = await scene(t);
  const old = await put('w', 'm');
  superseded.add(old.digest, bytes);
  await clock.advance(graceMs / 2);
  await putAgain('w');
  await pass(dueMs - graceMs / 2);
  assert.equal(await left(old), 'weights');
});

test('what is put and named between the look and the delete is there', async (t) => {
  let meanwhile = async (): Promise<void> => {};
  const late = (store: Store): Store => {
    const records: RecordStore = {
      ...bound(store.records),
      async list(prefix) {
        const found = await store.records.list(prefix);
        if (prefix === 'pretrain/') await meanwhile();
        return found;
      },
    };
    return { ...store, records };
  };
  const { store, clock, superseded, put, putRun, putAgain, pass, left } = await scene(t, late);
  const [old, ending] = [await put('w', 'm'), await put('end of an interval', 'm2')];
  await putRun(Run.fromPartial({ id: 'source', checkpointDigest: ending.digest }));
  await putRun(Run.fromPartial({ id: 'twin' }));
  superseded.add(old.digest, bytes);
  superseded.add(ending.digest, bytes);
  await clock.advance(graceMs);
  meanwhile = async () => {
    // A twin comes to the weights of `old`; a fork begins where `source` is.
    await putAgain('w');
    const twins = await put('w', 'of the twin');
    const twin = IntervalRecord.fromPartial({ checkpointDigest: twins.digest });
    await store.records.create('runs/twin/train/0', IntervalRecord.encode(twin).finish());
    await putAgain('w');
    await putRun(Run.fromPartial({ id: 'fork', spec: { baseCheckpointDigest: ending.digest } }));
    meanwhile = async () => {};
  };
  await pass(1);
  assert.deepEqual([await left(old), await left(ending)], ['weights', whole]);
});

test('while records cannot be read nothing goes; once they can, it does', async (t) => {
  let ill = true;
  const failing = (store: Store): Store => ({
    ...store,
    records: {
      ...bound(store.records),
      list: (prefix) => (ill ? Promise.reject(new Error('away')) : store.records.list(prefix)),
    },
  });
  const { superseded, put, pass, left } = await scene(t, failing);
  const old = await put('w', 'm');
  superseded.add(old.digest, bytes);
  await pass(dueMs);
  assert.equal(await left(old), whole);
  ill = false;
  await pass(dueMs);
  assert.equal(await left(old), '');
});

function bound(records: RecordStore): RecordStore {
  return {
    get: (key) => records.get(key),
    create: (key, value) => records.create(key, value),
    update: (key, value, revision) => records.update(key, value, revision),
    delete: (key, revision) => records.delete(key, revision),
    list: (prefix) => records.list(prefix),
    watch: (prefix, signal) => records.watch(prefix, signal),
  };
}
