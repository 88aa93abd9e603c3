// What is wrong with the paths of several domains is told at once.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError } from '#base';
import { listDomains } from '#corpus';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { write } from './support.js';

test('every path that leads nowhere is named, those that lead somewhere are not', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, { 'a.txt': 'x' });
  const at = (...names: string[]) => names.map((name) => join(root, name));
  const error = await listDomains([
    { name: 'prose', paths: at('none.txt', 'a.txt', '*.md') },
    { name: 'code', paths: at('nowhere') },
  ]).then(
    () => assert.fail('they were listed'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof DdkError);
  assert.equal(error.code, 'not_found');
  const lines = error.message.split('\n');
  assert.equal(lines.length, 3);
  for (const [index, path] of ['none.txt', '*.md', 'nowhere'].entries())
    assert.ok(lines[index]?.includes(join(root, path)), lines[index]);
});

test('a single one is the error of its path', async (t) => {
  const root = await temporaryFolder(t);
  await assert.rejects(listDomains([{ name: 'prose', paths: [join(root, 'none')] }]), {
    code: 'not_found',
    message: `${join(root, 'none')} (domain "prose") cannot be read: there is no such file or folder; correct the path.`,
  });
});
