// Killed anywhere, paused, interrupted: whatever happens to a run, it ends with the weights of one that was left alone.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Finished } from '../support/ddk-process.js';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

/** Deaths of one run, in an order in which every one of them is met: each start goes on where the last one died. */
const deaths = [
  'store.record.before_create',
  'store.record.after_create',
  'scheduler.before_commit',
  'scheduler.after_commit',
  'scheduler.assigned',
  'evaluator.measuring',
  'evaluator.before_commit',
  'evaluator.after_commit',
  'train.mid_step',
  'trainer.before_durable',
  'checkpoint.before_durable',
  'checkpoint.after_durable',
  'trainer.before_commit',
  'trainer.after_commit',
  'scheduler.archived',
  'trainer.exporting',
];

/** Later hits of the same: between two intervals, in the second one, and in a step that follows others. */
const laterDeaths = [
  'store.record.after_create:9',
  'train.mid_step:3',
  'evaluator.measuring',
  'scheduler.assigned:2',
  'train.mid_step:2',
  'trainer.after_commit',
  'store.record.before_create:4',
  'scheduler.before_commit',
];

const pretrainDeath = 'pretrain.before_commit';

let world: TinyWorld;
let undisturbed: Outcome;

interface Outcome {
  readonly weightsDigest: string;
  /** Of every step, without the times. */
  readonly metrics: readonly string[];
}

async function outcomeOf(at: TinyWorld, finished: Finished): Promise<Outcome> {
  const { weightsDigest, metrics } = resultOf(finished) as { weightsDigest: string; metrics: string };
  const lines = (await readFile(join(at.folder, metrics), 'utf8').catch(() => readFile(metrics, 'utf8')))
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  const times = lines[0]!.flatMap((name, i) => (name.endsWith('_ms') ? [i] : []));
  return {
    weightsDigest,
    metrics: lines.map((cells) => cells.filter((_, i) => !times.includes(i)).join(',')),
  };
}

before(async () => {
  world = await tinyWorld();
  const left = await world.another();
  undisturbed = await outcomeOf(left, await succeeds(left, ['run', 'tiny.yaml', '--json']));
  await left.remove();
});
after(() => world.remove());

async function killedAtEach(failpoints: readonly string[]): Promise<Outcome> {
  const at = await world.another();
  try {
    for (const name of failpoints) {
      const killed = await at.ddk(['run', 'tiny.yaml'], { env: { DDK_FAILPOINT: name } });
      assert.equal(
        killed.signal,
        'SIGKILL',
        `${name} was not met, it ended with ${killed.code}: ${killed.stderr}`,
      );
    }
    return await outcomeOf(at, await succeeds(at, ['run', 'tiny.yaml', '--json']));
  } finally {
    await at.remove();
  }
}

test('every failpoint of the services is one of those at which a run dies here', async () => {
  const services = fileURLToPath(new URL('../../services', import.meta.url));
  const found = new Set<string>();
  for (const file of await readdir(services, { recursive: true }))
    if (file.endsWith('.js'))
      for (const [, name] of (await readFile(join(services, file), 'utf8')).matchAll(
        /\bfailpoint\('([^']+)'\)/g,
      ))
        found.add(name!);
  assert.deepEqual([...found].sort(), [...deaths, pretrainDeath].sort());
});

// Side by side: most of the time of each is its processes' start.
describe('a run', { concurrency: 2 }, () => {
  test('that dies at every failpoint, one start after the other, ends as one that was left alone', async () => {
    assert.deepEqual(await killedAtEach(deaths), undisturbed);
  });

  test('that dies further on does so too', async () => {
    assert.deepEqual(await killedAtEach(laterDeaths), undisturbed);
  });

  test('of pretraining that dies before its commit makes the same model', async () => {
    const args = (out: string) =>
      ['pretrain', out, '--text', 'mail=text/mail', '--hidden', '16', '--layers', '1', '--heads', '2'].concat(
        ['--length', '16', '--batch', '2', '--steps', '4', '--validation', '2', '--threads', '1'],
      );
    await succeeds(world, [...args('whole'), '--data', 'other-data']);
    const killed = await world.ddk(args('killed'), { env: { DDK_FAILPOINT: pretrainDeath } });
    assert.equal(killed.signal, 'SIGKILL');
    await succeeds(world, args('killed'));
    const weights = (name: string) => readFile(join(world.folder, name, 'model.safetensors'));
    assert.ok((await weights('whole')).equals(await weights('killed')));
  });

  test('that is paused, interrupted and terminated within an interval ends as one that was left alone', async () => {
    // Long enough that a second process finds it at work, with commits within the interval.
    const training = { intervals: 1, intervalSteps: 600, batchSize: 16, checkpointSeconds: 1 };
    const alone = await world.another();
    const [file, spec] = [
      await world.spec({ name: 'long', training }),
      await alone.spec({ name: 'long', training }),
    ];
    const left = await outcomeOf(alone, await succeeds(alone, ['run', spec, '--json']));
    await alone.remove();

    const startAndWaitForSteps = async () => {
      const running = world.start(['run', file, '--json']);
      assert.ok(await running.said(/"step":\{/), 'it ended before it trained');
      return running;
    };
    const paused = await startAndWaitForSteps();
    assert.match((await succeeds(world, ['pause', 'long'])).stdout, /^long: paused: Paused on request\.$/m);
    const after = await paused.finished;
    assert.equal(after.code, 1);
    assert.equal(after.stderr, 'ddk: long is paused: Paused on request. `ddk resume long` continues it.\n');
    assert.match((await succeeds(world, ['runs'])).stdout, /^long +paused/m);

    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const running = await startAndWaitForSteps();
      running.kill(signal);
      const interrupted = await running.finished;
      assert.equal(interrupted.code, code);
      assert.equal(interrupted.stderr, 'Interrupted. The same command continues where this one was.\n');
      assert.doesNotMatch((await succeeds(world, ['show', 'long'])).stdout, /paused|failed/);
    }
    assert.deepEqual(await outcomeOf(world, await succeeds(world, ['resume', 'long', '--json'])), left);
  });
});
