import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { appendFileSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { buildCorpus, corpusSourceKey } from '#corpus';
import { firstInvalidByte } from '../../../services/lib/corpus/utf8.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { jsonl, memoryStore, numbered, optionsFor, readAll, write } from './support.js';

const cases: readonly (readonly [
  title: string,
  name: string,
  content: string | Uint8Array,
  message: RegExp,
])[] = [
  [
    'invalid UTF-8 in text',
    'a.txt',
    Buffer.from('abc\xff', 'latin1'),
    /a\.txt is not valid UTF-8 at byte 3 \(FF\)/,
  ],
  ['a character cut short', 'a.txt', Buffer.from('ab\xe2\x82', 'latin1'), /at byte 2 \(E2\)/],
  [
    'invalid UTF-8 in a line',
    'a.jsonl',
    Buffer.concat([Buffer.from('{"text":"a"}\n{"text":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')]),
    /a\.jsonl, line 2, is not valid UTF-8 at byte 22 \(C3\)/,
  ],
  [
    'a broken line',
    'a.jsonl',
    '{"text":"a"}\n\n{"text":\n',
    /a\.jsonl, line 3, is not valid JSON \(.+\); correct or remove/,
  ],
  ['a line that is no object', 'a.jsonl', '[1]\n', /line 1, is not a JSON object/],
  [
    'no known field',
    'a.jsonl',
    jsonl({ body: 'x', id: 1 }),
    /line 1, has no "text", .*\(its fields: body, id\)/,
  ],
  ['a prompt without completion', 'a.jsonl', jsonl({ prompt: 'x' }), /has no "text".*prompt/],
  ['an empty completion', 'a.jsonl', jsonl({ prompt: 'x', completion: '' }), /empty "completion"/],
  ['a text that is a number', 'a.jsonl', jsonl({ text: 5 }), /line 1, has a "text" that is not text/],
  ['messages that are no list', 'a.jsonl', jsonl({ messages: 'x' }), /"messages" that are not a list/],
  [
    'a message without role',
    'a.jsonl',
    jsonl({ messages: [{ content: 'x' }] }),
    /message \(number 1\) without "role"/,
  ],
  ['a null message', 'a.jsonl', jsonl({ messages: [null] }), /message \(number 1\) without/],
  [
    'no assistant',
    'a.jsonl',
    jsonl({ messages: [{ role: 'user', content: 'x' }] }),
    /no turn of the assistant/,
  ],
  [
    'a gzip file that is none',
    'a.jsonl.gz',
    'hello',
    /a\.jsonl\.gz is not a sound gzip file \(.*\); replace it or leave it out\./,
  ],
  [
    'a gzip file cut short',
    'a.jsonl.gz',
    gzipSync(jsonl({ text: 'abc' })).subarray(0, -4),
    /not a sound gzip/,
  ],
  [
    'a broken line in gzip',
    'a.jsonl.gz',
    gzipSync('{"text":"a"}\n{'),
    /a\.jsonl\.gz, line 2, is not valid JSON/,
  ],
  ['another compressed file', 'a.txt.gz', gzipSync('abc'), /a\.txt\.gz is compressed, and only \.jsonl\.gz/],
  ['no Parquet file', 'a.parquet', 'PAR1 is how one begins', /a\.parquet is not a Parquet file/],
  ['an empty Parquet file', 'a.parquet', '', /a\.parquet is not a Parquet file/],
];

for (const [title, name, content, message] of cases) {
  test(`refused with file and place: ${title}`, async (t) => {
    const root = await temporaryFolder(t);
    await write(root, { [name]: content });
    await assert.rejects(readAll(join(root, name)), { code: 'invalid_argument', message });
  });
}

test('rows of Parquet files are named by number', async () => {
  const read = (name: string) => readAll(`test/fixtures/corpus/${name}.parquet`);
  await assert.rejects(read('null'), /null\.parquet, row 2, has no "text"/);
  await assert.rejects(read('other'), /other\.parquet has no column "text".*\(its columns: body\)/);
  await assert.rejects(read('not-utf8'), /not-utf8\.parquet, row 2, is not valid UTF-8 at byte 4 of a text/);
});

test('a damaged Parquet file gives an error and nothing else, wherever the damage is', async (t) => {
  const root = await temporaryFolder(t);
  const sound = await readFile('test/fixtures/corpus/text.parquet');
  const damage = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      const bytes = Buffer.from(sound);
      for (const [at, value] of changes) bytes[at] = value;
      await write(root, { 'x.parquet': bytes });
      await readAll(join(root, 'x.parquet')).catch((error) =>
        assert.equal(error.code, 'invalid_argument', error),
      );
    }),
    { numRuns: 150, seed: 5 },
  );
});

test('a line longer than 32 MiB is refused without reading on', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, {
    'a.jsonl.gz': gzipSync(Buffer.concat([Buffer.from('\n'), Buffer.alloc(33 << 20, 'x')]), { level: 1 }),
  });
  await assert.rejects(readAll(join(root, 'a.jsonl.gz')), /line 2 is longer than 33554432 bytes; split/);
});

test('an unreadable file is named', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, { 'a.txt': 'x' });
  await chmod(join(root, 'a.txt'), 0);
  await assert.rejects(readAll(join(root, 'gone.txt')), {
    code: 'not_found',
    message: /gone\.txt cannot be read: there is no such file or folder; correct the path\./,
  });
  // Nothing is forbidden to the superuser, so there is nothing to see as one.
  if (process.getuid?.() !== 0)
    await assert.rejects(readAll(join(root, 'a.txt')), { code: 'permission_denied' });
});

test('every domain with too little text is named in one error, with what is needed and the remedy', async (t) => {
  const texts = {
    good: numbered(8, 'good'),
    few: numbered(5, 'few'),
    short: ['a', 'b', 'c'],
    same: Array(9).fill(numbered(1, 's')[0]),
  };
  const options = await optionsFor(await temporaryFolder(t), await memoryStore(t), texts, {
    validationSamples: 3,
  });
  await assert.rejects(
    buildCorpus(options),
    (error: Error & { code: string; reason: string; violations: unknown[] }) => {
      assert.equal(error.code, 'failed_precondition');
      assert.equal(error.reason, 'TOO_LITTLE_TEXT');
      assert.equal(error.violations.length, 3);
      assert.match(
        error.message,
        /"few"\] has 5 documents of at least 32 bytes, and 6 are needed .* to at most 2/,
      );
      assert.match(error.message, /"short"\] has 0 documents .* add more and longer documents/);
      assert.match(
        error.message,
        /"same"\] has only 1 different documents, and 3 are to be held out; .* at most 1/,
      );
      return true;
    },
  );
});

test('too few tokens for one window are refused with the numbers', async (t) => {
  const settings = { validationSamples: 1, sequenceLength: 500 };
  const options = await optionsFor(
    await temporaryFolder(t),
    await memoryStore(t),
    { a: numbered(2, 'a') },
    settings,
  );
  await assert.rejects(
    buildCorpus(options),
    /"a" has \d+ tokens to train on after holding out 1 documents.*needs 501/,
  );
});

test('options are checked all at once', async (t) => {
  const options = await optionsFor(await temporaryFolder(t), await memoryStore(t), { a: numbered(8, 'a') });
  const wrong = {
    ...options,
    sequenceLength: 0,
    validationSamples: 1.5,
    workers: -1,
    domains: [...options.domains, ...options.domains],
  };
  await assert.rejects(
    buildCorpus(wrong),
    /sequenceLength must be .* is 0; validationSamples .* is 1.5; workers .* is -1; domains\[1\]\.name "a" is the name/,
  );
  await assert.rejects(corpusSourceKey({ ...options, domains: [] }), /domains must name at least one/);
});

test('files that change between the two passes are noticed', async (t) => {
  const root = await temporaryFolder(t);
  const options = await optionsFor(root, await memoryStore(t), { a: numbered(8, 'a') });
  let isChanged = false;
  const onProgress = ({ phase }: { phase: string }) => {
    if (phase === 'tokenising' && !isChanged) appendFileSync(join(root, 'a.jsonl'), jsonl({ text: 'more' }));
    isChanged ||= phase === 'tokenising';
  };
  await assert.rejects(buildCorpus({ ...options, onProgress }), {
    code: 'aborted',
    message: /domain "a" changed while it was being read/,
  });
});

test('a build can be cancelled', async (t) => {
  const options = await optionsFor(await temporaryFolder(t), await memoryStore(t), { a: numbered(8, 'a') });
  await assert.rejects(buildCorpus({ ...options, signal: AbortSignal.abort() }), { code: 'cancelled' });
});

test('the place where UTF-8 ends is the place where a decoder first finds fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.string({ unit: 'binary' }), (bytes, text) => {
      const all = Buffer.concat([Buffer.from(text), bytes]);
      const isSound = (end: number) => isUtf8(all.subarray(0, end));
      const at = firstInvalidByte(all);
      assert.ok(isSound(at));
      // No longer beginning up to a whole further character is sound.
      for (let end = at + 1; end <= Math.min(all.length, at + 4); end++) assert.ok(!isSound(end));
    }),
    { numRuns: 500, seed: 6 },
  );
});
