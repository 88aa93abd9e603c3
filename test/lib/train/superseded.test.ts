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
/** The grace, and what writing a few bytes adds to it. */
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
  /** Supersedes another, so that what is due is looked at, and waits for it. */
  look(): Promise<void>;
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
  let looks = 0;
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
    async look() {
      looks += 1;
      superseded.add((await put(`weights of look ${looks}`, `moments of look ${looks}`)).digest);
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
  const { clock, superseded, put, look, left } = await scene(t);
  const [old, stranger] = [await put('w1', 'm1'), await put('w2', 'm2')];
  superseded.add(old.digest);
  await clock.advance(graceMs - 1);
  await look();
  assert.equal(await left(old), whole);
  await clock.advance(2);
  const recent = await put('w3', 'm3');
  superseded.add(recent.digest);
  await superseded.idle();
  assert.equal(await left(old), '');
  assert.deepEqual([await left(recent), await left(stranger)], [whole, whole]);
});

test('a checkpoint that any record names stays, in whatever place', async (t) => {
  const { store, clock, superseded, put, putRun, look, left } = await scene(t);
  const named: Checkpoint[] = [];
  const superseding = async (name: string): Promise<string> => {
    const checkpoint = await put(`weights ${name}`, `moments ${name}`);
    superseded.add(checkpoint.digest);
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
    'intervals/0': Interval.encode(
      Interval.fromPartial({ baseCheckpointDigest: await superseding('base of an early interval') }),
    ).finish(),
    'intervals/2': Interval.encode(
      Interval.fromPartial({ checkpointDigest: await superseding('end of an early interval') }),
    ).finish(),
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
  superseded.add(nobodys.digest);
  await clock.advance(dueMs);
  await look();
  for (const [index, checkpoint] of named.entries())
    assert.equal(await left(checkpoint), whole, String(index));
  assert.equal(await left(nobodys), '');

  // What was in the run's record is in one of its own now.
  const late = await put('end of a closed interval', 'm');
  superseded.add(late.digest);
  const run = (await store.records.get('runs/long'))!;
  const moved = { ...Run.decode(run.value), interval: 6, intervals: [Interval.fromPartial({ index: 5 })] };
  const closed = Interval.fromPartial({ index: 3, checkpointDigest: late.digest });
  await store.records.create('runs/long/intervals/3', Interval.encode(closed).finish());
  await store.records.update('runs/long', Run.encode(moved).finish(), run.revision);
  await clock.advance(dueMs);
  await look();
  assert.equal(await left(late), whole);
});

test('what a checkpoint shares with one that a record names stays, the rest goes', async (t) => {
  const { clock, superseded, put, putRun, look, left } = await scene(t);
  const [mine, twins] = [await put('same weights', 'mine'), await put('same weights', 'of the twin')];
  await putRun(Run.fromPartial({ id: 'twin', checkpointDigest: twins.digest }));
  superseded.add(mine.digest);
  await clock.advance(dueMs);
  await look();
  assert.deepEqual([await left(mine), await left(twins)], ['weights', whole]);
});

test('what was put again since is spared: whoever put it has not committed it yet', async (t) => {
  const { clock, superseded, put, putAgain, look, left } = await scene(t);
  const old = await put('w', 'm');
  superseded.add(old.digest);
  await clock.advance(graceMs / 2);
  await putAgain('w');
  await clock.advance(dueMs / 2);
  await look();
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
  const { store, clock, superseded, put, putRun, putAgain, look, left } = await scene(t, late);
  const [old, ending] = [await put('w', 'm'), await put('end of an interval', 'm2')];
  await putRun(Run.fromPartial({ id: 'source', checkpointDigest: ending.digest }));
  await putRun(Run.fromPartial({ id: 'twin' }));
  superseded.add(old.digest);
  superseded.add(ending.digest);
  await clock.advance(dueMs);
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
  await look();
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
  const { clock, superseded, put, look, left } = await scene(t, failing);
  const old = await put('w', 'm');
  superseded.add(old.digest);
  await clock.advance(dueMs);
  await look();
  assert.equal(await left(old), whole);
  ill = false;
  await clock.advance(dueMs);
  await look();
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
