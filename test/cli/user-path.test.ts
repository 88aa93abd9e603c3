// Paths that users give for something to be written to: what stands in the way is said in a sentence, before any work.
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError, writeFileDurable } from '#base';
import { requireRoom, writingTo } from '../../services/cli/user-path.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const place = (path: string) => ({ path, cannot: 'hold it', remedy: 'give another' });

/** As the operating system throws it, with the name of an unfinished file in it. */
const system = (code: string): Error =>
  Object.assign(new Error(`${code}: failed, open '/x/.report.html.123.tmp'`), {
    code,
    path: '/x/.report.html.123.tmp',
  });

for (const [code, why] of [
  ['EACCES', 'this user may not write there'],
  ['EPERM', 'this user may not write there'],
  ['EROFS', 'its file system is read-only'],
  ['ENOSPC', 'there is no space left on its disk (free some first)'],
  ['EFBIG', 'its file would be larger than this user may make one'],
  ['ENOENT', 'no folder can be made there'],
  ['ENOTDIR', 'a part of its path is a file'],
  ['EEXIST', 'it is a file'],
  ['EISDIR', 'it is a folder'],
] as const)
  test(`${code} is a sentence about the path that was given, and names no unfinished file`, async () => {
    // As it is thrown, and as #base passes it on.
    for (const error of [system(code), DdkError.from(system(code))])
      await assert.rejects(
        writingTo(place('/x'), () => Promise.reject(error)),
        { name: 'DdkError', message: `/x cannot hold it: ${why}; give another.` },
      );
  });

test('an error that has a sentence of its own keeps it, though the system caused it', async () => {
  const own = new DdkError('failed_precondition', 'Another process is at work.', { cause: system('EACCES') });
  await assert.rejects(
    writingTo(place('/x'), () => Promise.reject(own)),
    own,
  );
});

test('room is required of the nearest folder there is, and nothing stays behind', async (t) => {
  const root = await temporaryFolder(t);
  await requireRoom(place(root));
  await requireRoom(place(join(root, 'new', 'and', 'deep')));
  assert.deepEqual(await readdir(root), []);
});

test('a file in the way is refused before anything is made', async (t) => {
  const root = await temporaryFolder(t);
  const file = join(root, 'spec.yaml');
  await writeFile(file, '');
  await assert.rejects(requireRoom(place(file)), {
    message: /spec\.yaml cannot hold it: it is a file; give/,
  });
  await assert.rejects(requireRoom(place(join(file, 'in', 'it'))), {
    message: /cannot hold it: a part of its path is a file; give/,
  });
});

test('a place where nobody can make anything is refused', { skip: process.platform !== 'linux' }, () =>
  assert.rejects(requireRoom(place('/proc/out')), {
    message: '/proc/out cannot hold it: no folder can be made there; give another.',
  }),
);

test('a write that fails later says the same', async (t) => {
  const file = join(await temporaryFolder(t), 'gone', 'report.html');
  await assert.rejects(
    writingTo(place(file), () => writeFileDurable(file, '')),
    { message: `${file} cannot hold it: no folder can be made there; give another.` },
  );
});
