// What is said of, and left by, a run that lies still before its end.
import assert from 'node:assert/strict';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { succeeds, tinyWorld } from '../support/tiny-world.js';

test('a run that was interrupted and then cancelled keeps its metrics, and says how its student can still come to be', async (t) => {
  const world = await tinyWorld();
  t.after(() => world.remove());
  const metrics = join(world.folder, '.ddk', 'runs', 'long', 'metrics.csv');
  const complaint = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await world.ddk(args);
    assert.equal(code, 1, stderr);
    return stderr;
  };
  const steps = async (): Promise<number> =>
    (await readFile(metrics, 'utf8')).trimEnd().split('\n').length - 1;

  const spec = await world.spec({ name: 'long', training: { intervals: 2, intervalSteps: 20_000 } });
  const running = world.start(['run', spec, '--json']);
  assert.ok(await running.said(/"step":\{/), 'it ended before it trained');
  running.kill('SIGINT');
  const { code, stderr } = await running.finished;
  assert.equal(code, 130, stderr);
  const committed = await steps();
  assert.ok(committed > 0);
  assert.match(
    await complaint('export', 'long', '--out', 'out'),
    /^ddk: The run "long" has not ended and exports its student then: .*`ddk resume long`/,
  );

  await rename(join(world.folder, 'teacher'), join(world.folder, 'elsewhere'));
  assert.match(
    await complaint('resume', 'long'),
    /^ddk: The teacher of long is not in .*teacher any more: .*`ddk run SPEC` and its spec file/,
  );

  await rm(metrics);
  await succeeds(world, ['cancel', 'long']);
  assert.equal(await steps(), committed);
  assert.match(
    await complaint('export', 'long', '--out', 'out'),
    /^ddk: The run "long" was cancelled and exports no student: `ddk run SPEC --from long` /,
  );
});
