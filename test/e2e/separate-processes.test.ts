// The four services as processes of their own: a run over gRPC alone, their ends in order, and their sudden deaths.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { ExportManifest, IntervalRecord, type Run, RunState } from '#proto/ddk/v1/types';
import { type Client, createClient } from '#rpc';
import { openDataStore, type Store } from '#store';
import type { Display } from '../../services/cli/display/display.js';
import { readSpec } from '../../services/cli/spec/read-spec.js';
import { submit } from '../../services/cli/submit.js';
import { type ServiceProcesses, serviceNames, startServices } from '../support/service-processes.js';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

const silent: Display = {
  note: () => {},
  warn: () => {},
  task: () => ({ update: () => {}, end: () => {} }),
  run: () => {},
  progress: () => {},
  result: () => {},
  close: () => {},
};
/** Long enough that every service is met at work. */
const longer = { intervals: 3, intervalSteps: 120, batchSize: 16, checkpointSeconds: 1 };

let world: TinyWorld;
let services: ServiceProcesses;
let store: Store;
let scheduler: Client<typeof SchedulerServiceService>;

before(async () => {
  world = await tinyWorld();
  services = await startServices(world.folder);
  store = await openDataStore(join(world.folder, '.ddk'));
  scheduler = await createClient(SchedulerServiceService, services.scheduler);
});
after(async () => {
  scheduler.close();
  await services.stop();
  await store.close();
  await world.remove();
});

/** Puts what a spec names into the services' store and asks for the run, as any client could. */
async function create(file: string): Promise<Run> {
  const spec = await readSpec(join(world.folder, file));
  const { signal } = new AbortController();
  const { requestId, runSpec } = await submit(spec, { store, display: silent, signal });
  const { run } = await scheduler.createRun({ requestId, spec: runSpec });
  return run!;
}

/** The run once it is over, or once `seen` says so. */
async function follow(id: string, seen: (run: Run) => boolean = () => false): Promise<Run> {
  for (;;) {
    try {
      let last: Run | undefined;
      for await (const { update } of scheduler.watchRun(
        { run: id, afterRevision: 0n },
        { waitForReady: true },
      )) {
        if (update?.$case !== 'run') continue;
        last = update.value;
        if (seen(last)) return last;
      }
      return last!;
    } catch {
      // The scheduler is one of those who die here.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Resolves once steps have been trained that come after a commit of interval 0, itself after step `after`; with that commit's. */
async function pastCommit(id: string, after: number): Promise<number> {
  for await (const { update } of scheduler.watchRun({ run: id, afterRevision: 0n }, { waitForReady: true })) {
    if (update?.$case !== 'progress' || update.value.progress?.$case !== 'step') continue;
    const record = await store.records.get(`runs/${id}/train/0`);
    const committed = record ? IntervalRecord.decode(record.value).step : 0;
    if (committed > after && update.value.progress.value.step > committed) return committed;
  }
  throw new Error('the run was over before that');
}

async function weightsOf(run: Run): Promise<string> {
  assert.equal(run.state, RunState.SUCCEEDED, run.reason?.message);
  return ExportManifest.decode(await store.artifacts.bytes(run.exportDigest, { maxBytes: 1 << 20 }))
    .weightsDigest;
}

/** The digest of the same run in one process. */
async function inOneProcess(file: string, training: object = {}): Promise<unknown> {
  const other = await world.another();
  try {
    await other.spec({ training }, file);
    return resultOf(await succeeds(other, ['run', file, '--json'])).weightsDigest;
  } finally {
    await other.remove();
  }
}

test('a run created over gRPC succeeds with the weights of a run in one process', async () => {
  const run = await follow((await create('tiny.yaml')).id);
  assert.equal(await weightsOf(run), await inOneProcess('tiny.yaml'));
});

test('SIGTERM ends a trainer at a commit, others at once, all in order; a run outlives that', async () => {
  const file = await world.spec({ name: 'drained', training: longer });
  const { id } = await create(file);
  await follow(id, (run) => run.state === RunState.TRAINING);
  for (const name of serviceNames) {
    assert.equal(await services.kill(name, 'SIGTERM'), 0, name);
    await services.restart(name);
  }
  assert.equal(await weightsOf(await follow(id)), await inOneProcess(file, longer));
  for (const name of serviceNames)
    assert.deepEqual(
      services.log(name).filter(({ level }) => level === 'error' || level === 'fatal'),
      [],
    );
});

test('whichever service is killed, the run ends with the same weights', async () => {
  const file = await world.spec({ name: 'killed', training: longer });
  const { id } = await create(file);
  for (const [index, name] of serviceNames.entries()) {
    await follow(id, (run) => run.state === RunState.TRAINING && run.interval >= Math.min(index, 2));
    assert.equal(await services.kill(name, 'SIGKILL'), 'SIGKILL');
    await services.restart(name);
  }
  const run = await follow(id);
  assert.equal(await weightsOf(run), await inOneProcess(file, longer));
});

test('a run that is paused, and whose scheduler dies, between two commits of an interval ends with the same weights', async () => {
  // The trainer lives on with steps that no record counts.
  const training = { intervals: 1, intervalSteps: 1500, batchSize: 16, checkpointSeconds: 1 };
  const file = await world.spec({ name: 'between', training });
  const { id } = await create(file);
  const committed = await pastCommit(id, 0);
  await scheduler.pauseRun({ run: id });
  await scheduler.resumeRun({ run: id, extendByIntervals: 0 });
  await pastCommit(id, committed);
  assert.equal(await services.kill('scheduler', 'SIGKILL'), 'SIGKILL');
  await services.restart('scheduler');
  assert.equal(await weightsOf(await follow(id)), await inOneProcess(file, training));
});
