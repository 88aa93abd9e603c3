import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import test, { type TestContext } from 'node:test';
import { listFiles } from '../../../services/lib/corpus/sources.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { write } from './support.js';

async function list(root: string, ...paths: string[]): Promise<string[]> {
  const files = await listFiles({ name: 'd', paths: paths.map((path) => join(root, path)) });
  return files.map(({ path }) => relative(root, path));
}

async function tree(t: TestContext): Promise<string> {
  const root = await temporaryFolder(t);
  const names = [
    'a.txt',
    'b.md',
    'sub/c.txt',
    'sub/deep/d.jsonl',
    'sub/deep/e.parquet',
    'sub/f.jsonl.gz',
    '.git/g.txt',
  ];
  await write(root, Object.fromEntries(names.map((name) => [name, 'x'])));
  await symlink('..', join(root, 'sub/deep/circle'));
  return root;
}

test('a folder is searched for the formats by name, hidden names left out', async (t) => {
  const root = await tree(t);
  assert.deepEqual(await list(root, '.'), [
    'a.txt',
    'sub/c.txt',
    'sub/deep/d.jsonl',
    'sub/deep/e.parquet',
    'sub/f.jsonl.gz',
  ]);
});

test('a folder is searched for names in capitals too', async (t) => {
  const root = await temporaryFolder(t);
  const names = ['A.TXT', 'B.Jsonl', 'C.JSONL.GZ', 'D.Parquet', 'E.MD', 'F.JSON'];
  await write(root, Object.fromEntries(names.map((name) => [name, 'x'])));
  assert.deepEqual(await list(root, '.'), names.slice(0, 4));
});

test('patterns match names, alternatives and any depth', async (t) => {
  const root = await tree(t);
  assert.deepEqual(await list(root, '*.md'), ['b.md']);
  assert.deepEqual(await list(root, '**/*.txt'), ['a.txt', 'sub/c.txt']);
  assert.deepEqual(await list(root, 'sub/**'), [
    'sub/c.txt',
    'sub/deep/d.jsonl',
    'sub/deep/e.parquet',
    'sub/f.jsonl.gz',
  ]);
  assert.deepEqual(await list(root, '{a.txt,sub/c.txt}'), ['a.txt', 'sub/c.txt']);
  assert.deepEqual(await list(root, '**/?.{md,jsonl}'), ['b.md', 'sub/deep/d.jsonl']);
  assert.deepEqual(await list(root, '[ab].*'), ['a.txt', 'b.md']);
  assert.deepEqual(await list(root, '[!a].*'), ['b.md']);
  assert.deepEqual(await list(root, '.git/*.txt'), ['.git/g.txt']);
});

test('files come in the order of the paths, and none twice', async (t) => {
  const root = await tree(t);
  assert.deepEqual(await list(root, 'sub/c.txt', '**/*.txt'), ['sub/c.txt', 'a.txt']);
});

test('a file whose name looks like a pattern is that file', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, { '[x].txt': '1', 'x.txt': '2' });
  assert.deepEqual(await list(root, '[x].txt'), ['[x].txt']);
});

test('paths that lead nowhere are named', async (t) => {
  const root = await tree(t);
  await assert.rejects(list(root, 'none.txt'), {
    code: 'not_found',
    message: /none\.txt \(domain "d"\) cannot be read/,
  });
  await assert.rejects(list(root, '*.csv'), { code: 'not_found', message: /\*\.csv leads to no file/ });
  await write(root, { 'empty/x.csv': '' });
  await assert.rejects(list(root, 'empty'), {
    code: 'not_found',
    message: /empty leads to no file \(a folder is searched .* by a pattern such as "\*\*\/\*\.md"/,
  });
});

test('a folder without text of its own kinds is told the pattern of what it holds', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, {
    'code/a.ts': '1',
    'code/sub/b.ts': '2',
    'code/c.py': '3',
    'code/d.csv': '4',
    'code/e': '5',
  });
  const pattern = join(root, 'code/**/*.{ts,py}');
  await assert.rejects(list(root, 'code'), (error: Error) => {
    assert.ok(
      error.message.includes(
        `this one holds 2 .ts, 1 .py: name those that are text by a pattern such as "${pattern}"`,
      ),
    );
    return true;
  });
  assert.deepEqual(await list(root, 'code/**/*.{ts,py}'), ['code/a.ts', 'code/c.py', 'code/sub/b.ts']);
});

for (const [name, sentence] of [
  ['data.json', /data\.json is JSON, of which only lines are read: write its records to a \.jsonl file/],
  ['DATA.JSON', /DATA\.JSON is JSON/],
  ['data.ndjson', /data\.ndjson .*; rename it to \.jsonl/],
  [
    'table.csv',
    /table\.csv is a table: write its text to a \.jsonl or \.parquet file, or rename it to \.txt/,
  ],
  ['table.tsv', /table\.tsv is a table/],
  ['data.json.gz', /data\.json\.gz is compressed, and only \.jsonl\.gz is read so; unpack it/],
  ['data.zip', /data\.zip is compressed or an archive/],
] as const)
  test(`${name} is refused by its name before anything is read, named itself or by a pattern`, async (t) => {
    const root = await tree(t);
    await write(root, { [name]: '{"text": "x"}' });
    for (const path of [name, `*${name.slice(name.indexOf('.'))}`])
      await assert.rejects(list(root, path), { code: 'invalid_argument', message: sentence });
    assert.ok(!(await list(root, '.')).includes(name));
  });
