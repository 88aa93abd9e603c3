// A trainer that is asked to end: what it did is committed, the record is left as it is, and another goes on from there.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { DdkError } from '#base';
import { WorkState } from '#proto/ddk/v1/types';
import { trainerScene, trainUntil } from './scene.js';

const stopping = (error: DdkError) => error.code === 'unavailable' && error.reason === 'WORKER_STOPPING';

test('a clean stop within an interval commits the step in hand and is no failure; another attempt goes on', async (t) => {
  const scene = await trainerScene(t, { endStep: 100_000 });
  await scene.assign(1);
  const first = await scene.startTrainer();
  let drained: Promise<void> | undefined;
  await assert.rejects(
    trainUntil(first, 1, 3, () => {
      drained = first.server.drain(20_000);
    }),
    stopping,
  );
  await drained;
  const left = await scene.record();
  assert.equal(left.state, WorkState.RUNNING);
  assert.equal(left.failure, undefined);
  assert.ok(left.step >= 3 && left.checkpointDigest !== '');

  await scene.assign(2);
  const second = await scene.startTrainer();
  const steps: number[] = [];
  for await (const { event } of second.client.trainInterval({ runId: left.runId, interval: 0, attempt: 2 })) {
    if (event?.$case === 'step') steps.push(event.value.step);
    if (steps.length === 2) break;
  }
  assert.deepEqual(steps, [left.step + 1, left.step + 2]);
});

test('a trainer that waits for a teacher that is away stops at once and commits what it had done', async (t) => {
  const scene = await trainerScene(t, { endStep: 100_000, gamma: 0.5 });
  await scene.assign(1);
  const trainer = await scene.startTrainer();
  let last = 0;
  const training = (async () => {
    for await (const { event } of trainer.client.trainInterval({ runId: 'r1', interval: 0, attempt: 1 }))
      if (event?.$case === 'step') last = event.value.step;
  })();
  training.catch(() => {});
  while (last < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await scene.teacherServer.close();
  for (let seen = -1; seen !== last; ) {
    seen = last;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await trainer.server.drain(20_000);
  await assert.rejects(training, stopping);
  const left = await scene.record();
  assert.deepEqual([left.state, left.step, left.failure], [WorkState.RUNNING, last, undefined]);
});
