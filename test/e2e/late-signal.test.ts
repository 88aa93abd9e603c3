// A Ctrl-C that comes when a run has told its result makes no failure of it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { tinyWorld } from '../support/tiny-world.js';

// Says when the last of the program's own code runs; after that the process only takes itself down.
const hook = `
if (require('node:worker_threads').isMainThread)
  process.on('exit', () => require('node:fs').writeSync(1, 'the end\\n'));
`;

test('a run that is done has succeeded, at whichever moment of its end the signal comes', async (t) => {
  const world = await tinyWorld();
  t.after(() => world.remove());
  await writeFile(join(world.folder, 'hook.cjs'), hook);
  const env = { NODE_OPTIONS: `--require=${join(world.folder, 'hook.cjs')}` };
  const spec = await world.spec({ training: { intervals: 1, intervalSteps: 1 } });
  const succeeded = { code: 0, signal: null, stderr: '' };

  const told = world.start(['run', spec, '--json'], { env });
  assert.ok(await told.said(/"type":"result"/));
  told.kill('SIGINT');
  const { stdout, ...first } = await told.finished;
  assert.deepEqual(first, succeeded, stdout);

  const ending = world.start(['run', spec, '--json'], { env });
  assert.ok(await ending.said(/^the end$/m));
  // Taking itself down is many moments.
  const signals = setInterval(() => ending.kill('SIGINT'), 1);
  const { stdout: _, ...second } = await ending.finished.finally(() => clearInterval(signals));
  assert.deepEqual(second, succeeded);
});
