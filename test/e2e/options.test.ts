// Options and variables that change what a command works on, each by what it makes different.
import assert from 'node:assert/strict';
import { access, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { resultOf, succeeds, type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
let weightsDigest: unknown;
before(async () => {
  world = await tinyWorld();
  weightsDigest = resultOf(await succeeds(world, ['run', 'tiny.yaml', '--json'])).weightsDigest;
});
after(() => world.remove());

const at = (...parts: string[]): string => join(world.folder, ...parts);
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

interface Gap {
  readonly domain: string;
  readonly studentLoss: number;
}

async function previewed(...args: string[]): Promise<readonly Gap[]> {
  return resultOf(await succeeds(world, ['preview', ...args, '--json'])).gaps as Gap[];
}

test('preview --of measures the last checkpoint of a run, which is the student that it exported', async () => {
  const student = './.ddk/runs/tiny/student';
  const exported = await world.spec({ name: 'exported', student });
  const [start, run, model] = [
    await previewed('tiny.yaml'),
    await previewed('tiny.yaml', '--of', 'tiny'),
    await previewed(exported),
  ];
  assert.deepEqual(run, model);
  for (const [d, gap] of run.entries()) assert.notEqual(gap.studentLoss, start[d]?.studentLoss);
  const unknown = await world.ddk(['preview', 'tiny.yaml', '--of', 'tinny']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /tinny/);
});

test('run --from-best starts where another run was best, not where it ended', async () => {
  // Such steps lead away from anything good.
  const optimizer = { learningRate: 1, minimumLearningRate: 1, warmupSteps: 0 };
  await succeeds(world, ['run', await world.spec({ name: 'worse', optimizer }), '--from', 'tiny']);
  const shown = resultOf(await succeeds(world, ['show', 'worse', '--json'])).run as Record<string, string>;
  assert.notEqual(shown.bestCheckpointDigest, shown.checkpointDigest);

  const baseOf = async (name: string, ...args: string[]): Promise<unknown> => {
    const spec = await world.spec({ name, training: { intervals: 1 } });
    const { run } = resultOf(await succeeds(world, ['run', spec, '--from', 'worse', ...args, '--json']));
    return (run as { spec: Record<string, unknown> }).spec.baseCheckpointDigest;
  };
  assert.equal(await baseOf('from-best', '--from-best'), shown.bestCheckpointDigest);
  assert.equal(await baseOf('from-last'), shown.checkpointDigest);
  const alone = await world.ddk(['run', await world.spec({ name: 'alone' }), '--from-best']);
  assert.equal(alone.code, 1);
  assert.match(
    alone.stderr,
    /^ddk: --from-best says which checkpoint of another run.*; name that run with --from\.$/m,
  );
});

test('gc --caches deletes what can be made again, and it is made again', async () => {
  const shape = ['--hidden', '16', '--layers', '1', '--heads', '2', '--length', '24', '--batch', '2'];
  const text = ['--text', 'mail=text/mail', '--steps', '2', '--validation', '2'];
  await succeeds(world, ['pretrain', 'small', ...text, ...shape]);
  const gc = async (...args: string[]): Promise<readonly unknown[]> =>
    resultOf(await succeeds(world, ['gc', '--grace-minutes', '0', ...args, '--json'])).artifacts as unknown[];
  await gc('--delete');
  assert.equal((await gc()).length, 0);
  const caches = await gc('--caches');
  assert.ok(caches.length > 0);
  assert.ok(await isThere(at('.ddk/cache/targets')));
  assert.deepEqual(await gc('--caches', '--delete'), caches);
  assert.equal((await gc('--caches')).length, 0);
  assert.equal(await isThere(at('.ddk/cache/targets')), false);

  const again = await succeeds(world, ['pretrain', 'small-again', ...text, ...shape]);
  assert.doesNotMatch(again.stderr, /continuing after/);
  assert.deepEqual(
    await readFile(at('small-again/model.safetensors')),
    await readFile(at('small/model.safetensors')),
  );
  const twin = resultOf(await succeeds(world, ['run', await world.spec({ name: 'twin' }), '--json']));
  assert.equal(twin.weightsDigest, weightsDigest);
});

test('DDK_DATA names the data folder, --data has the last word, and --log-level says how much is logged there', async () => {
  const env = { DDK_DATA: 'elsewhere' };
  await succeeds(world, ['--log-level', 'error', 'run', 'tiny.yaml'], { env });
  assert.ok((await stat(at('elsewhere/runs/tiny/student/model.safetensors'))).size > 0);
  assert.match((await succeeds(world, ['runs'], { env })).stdout, /^tiny +succeeded/m);
  assert.doesNotMatch((await succeeds(world, ['--data', 'empty', 'runs'], { env })).stdout, /tiny/);
  assert.match((await succeeds(world, ['--data', '.ddk', 'runs'], { env })).stdout, /^twin +succeeded/m);

  assert.match(
    await readFile(at('.ddk/ddk.log'), 'utf8'),
    /"level":"info".*"msg":"the four services are listening"/,
  );
  assert.doesNotMatch(await readFile(at('elsewhere/ddk.log'), 'utf8'), /"level":"(debug|info|warn)"/);
  const unknown = await world.ddk(['--log-level', 'loud', 'runs']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /Allowed choices are debug, info, warn, error/);
});
