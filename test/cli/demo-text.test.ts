// The demonstration's text: kinds that differ, each piece once, the same every time.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { collectText, kinds } from '../../services/cli/demo/text.js';

const lines = (what: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${what} number ${from + i} says something of its own\n`).join(
    '',
  );

async function packages(): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'ddk-text-'));
  const files: Record<string, string | Buffer> = {
    'a/index.d.ts': lines('type', 0, 40),
    'a/index.js': lines('code', 0, 40),
    'a/README.md': lines('prose', 0, 200),
    'a/package.json': lines('json', 0, 10),
    'a/LICENSE': lines('licence', 0, 10),
    // The same licence again, and a Markdown file that is a licence by its name.
    'b/LICENSE': lines('licence', 0, 10),
    'b/LICENSE.md': lines('licence', 10, 20),
    'b/addon.cc': lines('native', 0, 10),
    'b/bundle.min.js': lines('bundle', 0, 40),
    'b/picture.js': Buffer.from([0xff, 0xfe, 0x00, 0xd8]),
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
  return root;
}

const documents = async (file: string): Promise<{ text: string; source: string }[]> =>
  (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { text: string; source: string });

test('text is sorted into kinds, cut into short documents, and each piece is kept once', async () => {
  const root = await packages();
  const out = path.join(root, 'out');
  try {
    const domains = await collectText(root, out, 1_000_000);
    assert.deepEqual(
      domains.map((d) => d.name),
      kinds.map((k) => k.name),
    );
    const of = (name: string) => documents(path.join(out, `${name}.jsonl`));
    assert.deepEqual(new Set((await of('javascript')).map((d) => d.source)), new Set(['a/index.js']));
    const licences = await of('licences');
    assert.equal(licences.length, 2);
    const prose = await of('prose');
    assert.ok(prose.length >= 2, 'a long file becomes several documents');
    assert.ok(prose.every((d) => d.text.length <= 4000));
    assert.equal(prose.map((d) => d.text).join(''), lines('prose', 0, 200), 'cut at line ends, nothing lost');
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('a kind stops at its limit, and files that have not changed are left alone', async () => {
  const root = await packages();
  const out = path.join(root, 'out');
  try {
    const [types] = await collectText(root, out, 500);
    assert.ok(types && types.bytes >= 500 && types.bytes < 10_000);
    const before = await stat(types.file);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await collectText(root, out, 500);
    assert.equal((await stat(types.file)).mtimeMs, before.mtimeMs);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
