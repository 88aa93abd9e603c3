// A trainer that is to go on from a checkpoint of another model.
import assert from 'node:assert/strict';
import test from 'node:test';
import { WorkState } from '#proto/ddk/v1/types';
import type { Runtime } from '#runtime';
import { runId, trainerScene } from './scene.js';

test('a checkpoint of another model fails the attempt for good before anything is compiled, with what differs', async (t) => {
  const scene = await trainerScene(t, { endStep: 2 });
  const { runtime } = scene;
  let opened = 0;
  const counting: Runtime = {
    kind: runtime.kind,
    version: runtime.version,
    close: async () => {},
    createSession(model, options) {
      opened += 1;
      return runtime.createSession(model, options);
    },
  };
  const trainer = await scene.startTrainer({ runtime: counting });
  const openedAtStart = opened;
  await scene.assign(1, scene.otherCheckpointDigest);
  const reading = async () => {
    for await (const _ of trainer.client.trainInterval({ runId, interval: 0, attempt: 1 }));
  };
  await assert.rejects(reading(), /is of another model than the student: .* asks for \[257, 16\]/);
  const { state, failure, failureRetryable } = await scene.record();
  assert.deepEqual(
    [state, failure?.code, failureRetryable],
    [WorkState.FAILED, 'CHECKPOINT_OF_ANOTHER_MODEL', false],
  );
  assert.equal(opened, openedAtStart);
  // The trainer itself is well.
  assert.deepEqual(await trainer.health.check({ service: '' }), { status: 'SERVING' });
});
