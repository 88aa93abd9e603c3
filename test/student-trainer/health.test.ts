// What a trainer says of itself: where it computes, and whether it can.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import { Provider, WorkState } from '#proto/ddk/v1/types';
import type { Runtime } from '#runtime';
import { runId, type Trainer, trainerScene } from './scene.js';

async function checks({ client }: Trainer): Promise<Record<string, [boolean, string]>> {
  const described = await client.describeStudent({});
  return Object.fromEntries(described.checks.map(({ name, healthy, detail }) => [name, [healthy, detail]]));
}

test('a trainer whose teacher is away does not serve, and DescribeStudent says why', async (t) => {
  const scene = await trainerScene(t, { endStep: 2 });
  const well = await scene.startTrainer();
  assert.deepEqual(await well.health.check({ service: '' }), { status: 'SERVING' });
  const described = await well.client.describeStudent({});
  assert.deepEqual([described.provider, described.providerReason], [Provider.CPU, 'set to cpu']);
  const good = await checks(well);
  assert.deepEqual(good.session, [true, 'cpu: set to cpu']);
  assert.match(good.teacher?.[1] ?? '', /serves sha256:/);
  // Nobody listens on the discard port.
  const alone = await scene.startTrainer({ teacherAddress: '127.0.0.1:9' });
  assert.deepEqual(await alone.health.check({ service: '' }), { status: 'NOT_SERVING' });
  const bad = await checks(alone);
  assert.equal(bad.teacher?.[0], false);
  assert.match(bad.teacher?.[1] ?? '', /the teacher at 127\.0\.0\.1:9 does not answer/);
});

test('a session that fails makes the trainer ill until one works again', async (t) => {
  const scene = await trainerScene(t, { endStep: 2 });
  let broken = false;
  const { runtime } = scene;
  const fragile: Runtime = {
    kind: runtime.kind,
    version: runtime.version,
    close: async () => {},
    async createSession(model, options) {
      if (broken) throw new DdkError('resource_exhausted', 'The device is out of memory.');
      return runtime.createSession(model, options);
    },
  };
  const trainer = await scene.startTrainer({ runtime: fragile });
  const train = async (attempt: number) => {
    await scene.assign(attempt);
    for await (const _ of trainer.client.trainInterval({ runId, interval: 0, attempt }));
  };
  broken = true;
  await assert.rejects(train(1), /out of memory/);
  assert.deepEqual((await checks(trainer)).session, [
    false,
    'the last run failed: The device is out of memory.',
  ]);
  assert.deepEqual(await trainer.health.check({ service: '' }), { status: 'NOT_SERVING' });
  broken = false;
  await train(2);
  assert.equal((await scene.record()).state, WorkState.COMPLETE);
  assert.deepEqual((await checks(trainer)).session, [true, 'cpu: set to cpu']);
});

test('an id that no run can have is refused by its field, before any record is looked for', async (t) => {
  const { startTrainer } = await trainerScene(t, { endStep: 2 });
  const { client } = await startTrainer();
  const drain = async (responses: AsyncIterable<unknown>) => {
    for await (const _ of responses);
  };
  for (const bad of ['../x', '', 'a..b', 'A', 'x'.repeat(300)])
    for (const call of [
      () => drain(client.trainInterval({ runId: bad, interval: 0, attempt: 1 })),
      () => client.exportStudent({ runId: bad, attempt: 1 }),
      () => client.getProgress({ runId: bad }),
    ])
      await assert.rejects(call, (error: DdkError) => {
        assert.equal(error.code, 'invalid_argument');
        assert.deepEqual(
          error.violations.map(({ field }) => field),
          ['run_id'],
        );
        return true;
      });
});
