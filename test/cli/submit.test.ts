// Reading what a spec names: everything that is not there is said at once.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError } from '#base';
import { openMemoryStore } from '#store';
import { plainDisplay } from '../../services/cli/display/plain.js';
import { parseSpec } from '../../services/cli/spec/read-spec.js';
import { submit } from '../../services/cli/submit.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('models and text that are not there are named with their fields, those that are there are not', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'here.txt'), 'text');
  const store = await openMemoryStore();
  t.after(() => store.close());
  const spec = parseSpec(
    '{ name: a, teacher: ./none, student: ./neither, domains: [{ name: bad, paths: [here.txt, gone.txt, "*.md"] }] }',
    'run.yaml',
    folder,
  );
  const display = plainDisplay({ out: () => {}, err: () => {} });
  const error = await submit(spec, { store, display, signal: new AbortController().signal }).then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof DdkError);
  assert.equal(error.code, 'not_found');
  const lines = error.message.split('\n');
  assert.equal(lines.length, 4, error.message);
  for (const [index, line] of [
    /^teacher: There is no model folder .*none; /,
    /^student: There is no model folder .*neither; /,
    /gone\.txt \(domain "bad"\) cannot be read: /,
    /^Domain "bad" has no text: .*\*\.md leads to no file /,
  ].entries())
    assert.match(lines[index] ?? '', line);
});
