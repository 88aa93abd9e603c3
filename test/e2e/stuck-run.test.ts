// A run whose own record can no longer be written: the command ends with the reason and does not wait for ever.
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { jsonLines } from '../support/ddk-process.js';
import { tinyWorld } from '../support/tiny-world.js';

/** Makes the newest revision of a record on disk one that nobody can read. */
async function damage(folder: string): Promise<void> {
  const newest = (await readdir(folder)).sort().at(-1);
  assert.ok(newest);
  await writeFile(join(folder, newest), 'damaged');
}

test('a run that can neither go on nor be paused ends its command with a sentence that says why', async (t) => {
  const world = await tinyWorld();
  t.after(() => world.remove());
  const spec = await world.spec({ name: 'stuck', training: { intervals: 2, intervalSteps: 100_000 } });
  const running = world.start(['run', spec, '--json']);
  assert.ok(await running.said(/"step":/));
  const records = join(world.folder, '.ddk', 'store', 'records', 'runs');
  const [runId] = (await readdir(records)).filter((name) => name.startsWith('r-'));
  assert.ok(runId);
  // The run's own record and that of its work: what is in hand cannot be read, and no pause can be saved.
  await damage(join(records, runId, 'train', '0', '@'));
  await damage(join(records, runId, '@'));
  const { code, stderr, stdout } = await running.finished;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^ddk: .*record runs\/r-[0-9a-f]+(\/train\/0)? is damaged/m);
  assert.ok(!jsonLines(stdout).some((line) => line.type === 'result'));
});
