// What can never be saved: the run is paused with the reason, and where that cannot be saved either, somebody is told.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import type { Store } from '#store';
import { decodeRunEvent, runEventSubject } from '#work';
import { decodeRun } from '../../services/scheduler/run-record.js';
import type { RunState } from '../../services/scheduler/run-state.js';
import { workKey } from '../../services/scheduler/work-records.js';
import { scene } from './coordinator-scene.js';
import { startFakeWorkers } from './fake-workers.js';

/** A store in which changes of runs meet what `refuse` throws. */
function refusing(refuse: (next: RunState) => void): (store: Store) => Store {
  return ({ records, artifacts, check, close }) => ({
    records: {
      get: (key) => records.get(key),
      create: (key, value) => records.create(key, value),
      async update(key, value, revision) {
        if (/^runs\/[^/]+$/.test(key)) refuse(decodeRun(value));
        return records.update(key, value, revision);
      },
      delete: (key, revision) => records.delete(key, revision),
      list: (prefix) => records.list(prefix),
      watch: (key, signal) => records.watch(key, signal),
    },
    artifacts,
    check,
    close,
  });
}

const tooLarge = () => new DdkError('invalid_argument', 'The record would have too many bytes.');

test('a change that can never be saved pauses the run with the reason', async (t) => {
  let refuses = true;
  const { store, bus, coordinator, create, until } = await scene(
    t,
    refusing(({ phase }) => {
      if (refuses && phase.kind === 'training') throw tooLarge();
    }),
  );
  await startFakeWorkers(store, bus);
  const told: DdkError[] = [];
  const scheduler = await coordinator({ onStuck: (error) => told.push(error) });
  const runId = await create('large');
  scheduler.hint(runId);
  const { phase } = await until(runId, (state) => state.phase.kind === 'paused');
  assert.deepEqual(phase, {
    kind: 'paused',
    from: 'measuring',
    reason: { code: 'INVALID_ARGUMENT', message: 'The record would have too many bytes.' },
  });
  refuses = false;
  await scheduler.request(runId, [{ kind: 'resume_requested', atMs: 1 }]);
  await until(runId, (state) => state.phase.kind === 'succeeded');
  assert.deepEqual(told, []);
});

test('where it cannot be paused either, that is told once and not tried for ever', async (t) => {
  let refuses = true;
  let tries = 0;
  const { store, bus, coordinator, create, until } = await scene(
    t,
    refusing(() => {
      tries += 1;
      if (refuses) throw new DdkError('data_loss', 'The record is damaged.');
    }),
  );
  await startFakeWorkers(store, bus);
  const runId = await create('damaged');
  const told = await new Promise<DdkError>((resolve, reject) => {
    coordinator({ onStuck: resolve }).catch(reject);
  });
  assert.equal(told.code, 'data_loss');
  assert.equal(told.message, `The run ${runId} can neither go on nor be paused: The record is damaged.`);
  const before = tries;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(tries, before, 'not one try in ten looks');
  // The next scheduler takes it up again.
  refuses = false;
  await coordinator();
  await until(runId, (state) => state.phase.kind === 'succeeded');
});

test('a store that somebody can make writable again is waited for', async (t) => {
  let refusals = 0;
  const { store, bus, coordinator, create, until } = await scene(
    t,
    refusing(() => {
      if (refusals++ < 5)
        throw new DdkError('permission_denied', 'The store is read-only.', { reason: 'STORE_READ_ONLY' });
    }),
  );
  await startFakeWorkers(store, bus);
  const told: DdkError[] = [];
  const runId = await create('patient');
  const notices: string[] = [];
  await bus.subscribe(runEventSubject(runId, 'progress'), (message) => {
    const event = decodeRunEvent(message)?.kind;
    if (event?.$case !== 'progress' || event.value.progress?.$case !== 'notice') return;
    notices.push(event.value.progress.value);
  });
  await coordinator({ onStuck: (error) => told.push(error) });
  const { failures } = await until(runId, (state) => state.phase.kind === 'succeeded');
  assert.equal(failures, 0);
  assert.deepEqual(told, []);
  assert.deepEqual(notices, ['the run cannot be looked after and waits: The store is read-only.']);
});

test('work whose record cannot be read pauses its run, which goes on once the record is mended', async (t) => {
  const { store, bus, coordinator, create, until } = await scene(t);
  const workers = await startFakeWorkers(store, bus);
  const runId = await create('unreadable', 1);
  const key = workKey(runId, 'train', 0);
  let sound: Uint8Array | undefined;
  workers.before = async (item) => {
    if (item !== 'train/0' || sound) return;
    const { value, revision } = (await store.records.get(key))!;
    sound = value;
    await store.records.update(key, Uint8Array.of(255, 255, 255), revision);
  };
  const told: DdkError[] = [];
  const scheduler = await coordinator({ onStuck: (error) => told.push(error) });
  const paused = await until(runId, (state) => state.phase.kind === 'paused');
  assert.equal(paused.phase.kind === 'paused' && paused.phase.from, 'training');
  assert.deepEqual(told, []);
  await store.records.update(key, sound!, (await store.records.get(key))!.revision);
  await scheduler.request(runId, [{ kind: 'resume_requested', atMs: 1 }]);
  await until(runId, (state) => state.phase.kind === 'succeeded');
});
