// Durable files: whole or absent, created once, and never outside their folder.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fsPromises, { readdir, readFile, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { createFileExclusive, DdkError, makeFolder, resolveInside, writeFileDurable } from '#base';
import { temporaryFolder } from '../../support/temporary-folder.js';

test('a durable write replaces the file and leaves nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await writeFileDurable(path, 'first, and longer');
  await writeFileDurable(path, new Uint8Array([115, 101, 99]));
  assert.equal(await readFile(path, 'utf8'), 'sec');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('a durable write that fails keeps the old file and leaves nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await writeFile(path, 'old');
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  t.mock.method(fsPromises, 'rename', () => Promise.reject(full));
  syncBuiltinESMExports();
  await assert.rejects(
    writeFileDurable(path, 'new'),
    (error) => error instanceof DdkError && error.code === 'resource_exhausted',
  );
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(await readFile(path, 'utf8'), 'old');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('writing into a folder that is not there is not_found', async (t) => {
  const folder = await temporaryFolder(t);
  const missing = join(folder, 'missing', 'file');
  for (const write of [writeFileDurable, createFileExclusive])
    await assert.rejects(
      write(missing, 'x'),
      (error) => error instanceof DdkError && error.code === 'not_found',
    );
});

test('an exclusive create makes the file once and keeps what was first', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  assert.equal(await createFileExclusive(path, 'one'), true);
  assert.equal(await createFileExclusive(path, 'two'), false);
  assert.equal(await readFile(path, 'utf8'), 'one');
  assert.deepEqual(await readdir(folder), ['file']);
});

test('of several processes that create the same files exactly one wins each, and its bytes stay', async (t) => {
  const folder = await temporaryFolder(t);
  const program = `
    import { createFileExclusive } from '#base';
    const won = [];
    for (let n = 0; n < 12; n += 1)
      if (await createFileExclusive(process.argv[1] + '/' + n, process.argv[2])) won.push(n);
    console.log(JSON.stringify(won));`;
  const runs = ['a', 'b', 'c', 'd'].map(async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      program,
      folder,
      name,
    ]);
    return { name, won: JSON.parse(stdout) as number[] };
  });
  const results = await Promise.all(runs);
  const won = results.flatMap((result) => result.won).sort((a, b) => a - b);
  assert.deepEqual(
    won,
    Array.from({ length: 12 }, (_, n) => n),
  );
  for (const { name, won } of results)
    for (const n of won) assert.equal(await readFile(join(folder, String(n)), 'utf8'), name);
  assert.equal((await readdir(folder)).length, 12);
});

test('folders are made with their parents and may exist already', async (t) => {
  const folder = await temporaryFolder(t);
  await makeFolder(join(folder, 'a', 'b', 'c'));
  await makeFolder(join(folder, 'a', 'b', 'c'));
  assert.deepEqual(await readdir(join(folder, 'a', 'b')), ['c']);
});

test('a path inside is resolved', () => {
  assert.equal(resolveInside('/models/one', 'weights.data'), '/models/one/weights.data');
  assert.equal(resolveInside('/models/one/', 'a/../b/./c'), '/models/one/b/c');
  assert.equal(resolveInside('/models/one', '..weights'), '/models/one/..weights');
  assert.equal(resolveInside('/', 'etc'), '/etc');
});

test('a path that leaves its folder is refused, by name', () => {
  const attacks = ['..', '../two', 'a/../../two', '/etc/passwd', '/models/one/x', '', '.', 'a/..', 'a\0b'];
  // A sibling whose name merely begins alike is outside as well.
  attacks.push('../one-evil/x');
  for (const attack of attacks)
    assert.throws(
      () => resolveInside('/models/one', attack),
      (error) =>
        error instanceof DdkError &&
        error.code === 'invalid_argument' &&
        error.message.includes(JSON.stringify(attack)),
      attack,
    );
});

test('a folder is made with its parents, and again without a complaint', async (t) => {
  const folder = await temporaryFolder(t);
  const deep = join(folder, 'a', 'b', 'c');
  await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(join(folder, 'a', 'd'))]);
  await makeFolder(deep);
  assert.deepEqual((await readdir(join(folder, 'a'))).sort(), ['b', 'd']);
  await writeFile(join(deep, 'file'), '');
  await assert.rejects(makeFolder(join(deep, 'file')), { code: 'EEXIST' });
  await assert.rejects(makeFolder(join(deep, 'file', 'in')), { code: 'ENOTDIR' });
});

test(
  'a folder that nobody can make is refused and not tried for ever',
  {
    skip: process.platform !== 'linux',
    timeout: 60_000,
  },
  () => assert.rejects(makeFolder('/proc/none/of/it'), { code: 'ENOENT' }),
);
