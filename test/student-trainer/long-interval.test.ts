// An interval that is committed again and again: what it supersedes goes, and its metrics are there once a step.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '#base';
import { IntervalRecord, Run, WorkState } from '#proto/ddk/v1/types';
import { readCheckpoint } from '#train';
import { readMetricsLogs } from '../../services/cli/metrics-log.js';
import { recordKey, runId, type TrainerScene, trainerScene, trainUntil } from './scene.js';

const endStep = 40;

/** One that takes a second from any look at it to the next, so that every step is due for a commit. */
function hastyClock(): Clock {
  let seconds = 0;
  return {
    ...systemClock,
    monotonicMs: () => {
      seconds += 1;
      return 1000 * seconds;
    },
  };
}

/** The checkpoints that are in the store, by their manifests. */
async function checkpointsOf({ store }: TrainerScene): Promise<string[]> {
  const found: string[] = [];
  for await (const { digest, bytes } of store.artifacts.list()) {
    if (bytes > 1 << 20) continue;
    const isCheckpoint = await readCheckpoint(digest, store.artifacts).then(
      () => true,
      () => false,
    );
    if (isCheckpoint) found.push(digest);
  }
  return found;
}

async function stepsOf({ store }: TrainerScene, digest: string): Promise<number[]> {
  const steps: number[] = [];
  for await (const { step } of await readMetricsLogs(store.artifacts, [digest])) steps.push(step);
  return steps;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

test('superseded checkpoints go while an interval trains; another attempt, and a twin, find all they need', async (t) => {
  const scene = await trainerScene(t, { endStep, checkpointSeconds: 1 });
  const { store } = scene;
  await scene.assign(1);
  const first = await scene.startTrainer({ clock: hastyClock(), supersededGraceMs: 0 });
  // The caller goes away as if it had been killed: what is committed is all that is left of the attempt.
  const gone = new AbortController();
  const steps: number[] = [];
  const commits: string[] = [];
  await assert.rejects(async () => {
    for await (const { event } of first.client.trainInterval(
      { runId, interval: 0, attempt: 1 },
      { signal: gone.signal },
    )) {
      if (event?.$case === 'step') steps.push(event.value.step);
      if (event?.$case === 'checkpoint') commits.push(event.value.checkpointDigest);
      if (commits.length === 20) gone.abort();
    }
  });
  await first.server.close();
  const left = await scene.record();
  assert.ok(left.step >= 20 && left.step < endStep, `${left.step} steps`);
  assert.deepEqual(await stepsOf(scene, left.metricsDigest), upTo(left.step));
  const between = await checkpointsOf(scene);
  assert.ok(between.length < left.step / 2, `${between.length} checkpoints after ${left.step} commits`);
  assert.ok(between.includes(left.checkpointDigest) && between.includes(left.baseCheckpointDigest));

  await scene.assign(2);
  const second = await scene.startTrainer({ clock: hastyClock(), supersededGraceMs: 0 });
  await trainUntil(second, 2, endStep, () => {});
  const done = await scene.record();
  assert.deepEqual([done.state, done.step], [WorkState.COMPLETE, endStep]);
  assert.deepEqual(await stepsOf(scene, done.metricsDigest), upTo(endStep));
  const { weights, weightsDigest } = await readCheckpoint(done.checkpointDigest, store.artifacts);

  // A run with the same spec has the same weights at every step, and supersedes its own.
  const twin = { ...Run.decode((await store.records.get(`runs/${runId}`))!.value), id: 'twin' };
  await store.records.create('names/twin', Buffer.from('twin'));
  await store.records.create('runs/twin', Run.encode(twin).finish());
  const twinKey = 'runs/twin/train/0';
  const fresh = {
    ...IntervalRecord.decode((await store.records.get(recordKey))!.value),
    ...{ runId: 'twin', attempt: 1, state: WorkState.ASSIGNED, worker: '' },
    ...{ step: 0, checkpointDigest: '', metricsDigest: '', windowsDrawn: [] },
  };
  await store.records.create(twinKey, IntervalRecord.encode(fresh).finish());
  for await (const _ of second.client.trainInterval({ runId: 'twin', interval: 0, attempt: 1 }));
  await second.server.close();
  const same = IntervalRecord.decode((await store.records.get(twinKey))!.value);
  const other = await readCheckpoint(same.checkpointDigest, store.artifacts);
  assert.equal(other.weightsDigest, weightsDigest);
  assert.equal(other.weights.digest, weights.digest);
  for (const digest of [done.checkpointDigest, same.checkpointDigest]) {
    const parts = await readCheckpoint(digest, store.artifacts);
    for (const part of [parts.weights, parts.moments]) await store.artifacts.localPath(part!.digest);
  }
  assert.ok((await checkpointsOf(scene)).length < endStep);
});

test('an attempt that ends between two commits is followed from the commit, by a trainer that lives on too', async (t) => {
  const weightsAfter = async (disturbed: boolean): Promise<string> => {
    const scene = await trainerScene(t, { endStep, checkpointSeconds: 5 });
    await scene.assign(1);
    // Some steps lie between two commits.
    const trainer = await scene.startTrainer({ clock: hastyClock() });
    const gone = new AbortController();
    let committed = 0;
    let told = 0;
    const reading = async (): Promise<void> => {
      const work = { runId, interval: 0, attempt: 1 };
      for await (const { event } of trainer.client.trainInterval(work, { signal: gone.signal })) {
        if (event?.$case === 'checkpoint') committed = event.value.step;
        if (event?.$case === 'step') told = event.value.step;
        if (disturbed && committed > 0 && told > committed) gone.abort();
      }
    };
    if (!disturbed) await reading();
    else {
      await assert.rejects(reading(), { code: 'cancelled' });
      const left = await scene.record();
      assert.ok(left.step > 0 && left.step < endStep, `${left.step} steps are committed`);
      await scene.assign(2);
      await trainUntil(trainer, 2, endStep, () => {});
      assert.deepEqual(await stepsOf(scene, (await scene.record()).metricsDigest), upTo(endStep));
    }
    const { checkpointDigest } = await scene.record();
    return (await readCheckpoint(checkpointDigest, scene.store.artifacts)).weightsDigest;
  };
  assert.equal(await weightsAfter(true), await weightsAfter(false));
});

test('what an interval began with goes once it is done and its run has moved on', async (t) => {
  const scene = await trainerScene(t, { endStep: 4 });
  const { records } = scene.store;
  await scene.assign(1);
  const trainer = await scene.startTrainer({ supersededGraceMs: 0 });
  await trainUntil(trainer, 1, 4, () => {});
  const first = await scene.record();
  const next = {
    ...IntervalRecord.fromPartial({ runId, interval: 1, attempt: 2, state: WorkState.ASSIGNED }),
    ...{ weights: first.weights, baseCheckpointDigest: first.checkpointDigest },
    ...{ firstStep: 4, step: 4, endStep: 8 },
  };
  await records.create(`runs/${runId}/train/1`, IntervalRecord.encode(next).finish());
  const run = (await records.get(`runs/${runId}`))!;
  const movedOn = { ...Run.decode(run.value), interval: 2 };
  await records.update(`runs/${runId}`, Run.encode(movedOn).finish(), run.revision);
  for await (const _ of trainer.client.trainInterval({ runId, interval: 1, attempt: 2 }));
  // In the background, and soon; a trainer that leaves it there keeps this waiting for ever.
  let left = await checkpointsOf(scene);
  for (; left.includes(first.checkpointDigest); left = await checkpointsOf(scene)) await sleep(10);
  assert.ok(left.includes(first.baseCheckpointDigest), 'what the run began with stays');
});

test('a checkpoint that was superseded a moment ago stays', async (t) => {
  const scene = await trainerScene(t, { endStep: 6, checkpointSeconds: 1 });
  const before = await checkpointsOf(scene);
  await scene.assign(1);
  const trainer = await scene.startTrainer({ clock: hastyClock() });
  await trainUntil(trainer, 1, 6, () => {});
  await trainer.server.close();
  assert.equal((await checkpointsOf(scene)).length, before.length + 6);
});

test('a loss that is no number any more leaves the metrics of the steps before it', async (t) => {
  // The first step makes weights of which the second makes no number.
  const scene = await trainerScene(t, { endStep: 9, learningRate: 1e30 });
  await scene.assign(1);
  const trainer = await scene.startTrainer();
  await assert.rejects(
    trainUntil(trainer, 1, 9, () => {}),
    { reason: 'LOSS_NOT_FINITE' },
  );
  const { state, step, metricsDigest, checkpointDigest } = await scene.record();
  assert.equal(state, WorkState.FAILED);
  assert.ok(step >= 1 && step < 9, `step ${step}`);
  assert.deepEqual(await stepsOf(scene, metricsDigest), upTo(step));
  assert.equal((await readCheckpoint(checkpointDigest, scene.store.artifacts)).step, step);
});
