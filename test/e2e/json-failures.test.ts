// What scripts get of a command that fails: one line, beside the sentence for people.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import test, { after, before } from 'node:test';
import { jsonLines } from '../support/ddk-process.js';
import { type TinyWorld, tinyWorld } from '../support/tiny-world.js';

let world: TinyWorld;
before(async () => {
  world = await tinyWorld();
});
after(() => world.remove());

/** What `ddk ARGS --json` writes to standard output. */
async function failureLine(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await world.ddk([...args, '--json']);
  assert.equal(code, 1, stderr);
  const [line, ...more] = jsonLines(stdout);
  assert.ok(line && more.length === 0, stdout);
  assert.ok(stderr.includes(String(line.message)), stderr);
  return line;
}

test('a spec is refused with the code and every violation', async () => {
  const spec = await world.spec({ name: 'bad', mixture: { alpha: 2 }, training: { intervals: 0 } });
  const { message, violations, ...rest } = await failureLine(['run', spec]);
  assert.deepEqual(rest, { type: 'error', code: 'invalid_argument', reason: '' });
  assert.match(String(message), /^bad\.yaml has 2 problems:\n/);
  assert.deepEqual(
    (violations as { field: string }[]).map(({ field }) => field),
    ['mixture.alpha', 'training.intervals'],
  );
});

test('a mistake in the command line has a reason, and what is not there makes nothing', async () => {
  assert.equal((await failureLine(['show', 'none', '--fast'])).reason, 'UNKNOWN_OPTION');
  assert.equal((await failureLine(['show', 'none'])).code, 'not_found');
  assert.ok(!(await readdir(world.folder)).includes('.ddk'));
});
