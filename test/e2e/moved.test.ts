// A run that is continued where other bits are to be expected says so.
import assert from 'node:assert/strict';
import test from 'node:test';
import { succeeds, tinyWorld } from '../support/tiny-world.js';

test('a run continued with other threads says that its bits are no longer those of an undisturbed one', async (t) => {
  const world = await tinyWorld();
  t.after(() => world.remove());
  const killed = await world.ddk(['run', 'tiny.yaml'], { env: { DDK_FAILPOINT: 'trainer.after_commit' } });
  assert.equal(killed.signal, 'SIGKILL');
  await world.spec({ runtime: { threads: 2 } });
  const { stderr } = await succeeds(world, ['run', 'tiny.yaml']);
  const warnings = stderr.split('\n').filter((line) => line.startsWith('warning: '));
  assert.equal(warnings.length, 1, stderr);
  assert.match(warnings[0] ?? '', /the 3 steps so far were computed elsewhere \(threads was 1 and is 2\)/);
});

test('neither a run that is continued as it was nor a fork is said to have moved', async (t) => {
  const world = await tinyWorld();
  t.after(() => world.remove());
  await world.ddk(['run', 'tiny.yaml'], { env: { DDK_FAILPOINT: 'trainer.after_commit' } });
  const fork = await world.spec({ name: 'fork', runtime: { threads: 2 } });
  for (const args of [
    ['run', 'tiny.yaml'],
    ['run', fork, '--from', 'tiny'],
  ])
    assert.doesNotMatch((await succeeds(world, args)).stderr, /warning/);
});
