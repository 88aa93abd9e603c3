// Where the failpoint inside of a step stands: after the step has its cores, before it has a result.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../support/mid-step-process.js', import.meta.url));

function stepWith(failpoint: string): { readonly stdout: string; readonly signal: NodeJS.Signals | null } {
  const env = { ...process.env, DDK_FAILPOINT: failpoint };
  const { stdout, signal } = spawnSync(process.execPath, [program], { env, encoding: 'utf8' });
  return { stdout, signal };
}

test('train.mid_step kills while the step computes: not while it waits for its cores, not after it', () => {
  assert.deepEqual(stepWith('train.mid_step'), { stdout: 'the cores are free\n', signal: 'SIGKILL' });
  assert.deepEqual(stepWith(''), { stdout: 'the cores are free\nthe step is done\n', signal: null });
});
