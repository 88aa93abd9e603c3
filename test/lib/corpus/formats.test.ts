import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { jsonl, readAll, write } from './support.js';

const plain = (text: string): [string, boolean][] => [[text, true]];

test('a text file is one document, byte order mark left out', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, { 'a.txt': '\ufeffünï 😀\r\nline\n\n', 'empty.txt': '' });
  assert.deepEqual(await readAll(join(root, 'a.txt')), [plain('ünï 😀\r\nline\n\n')]);
  assert.deepEqual(await readAll(join(root, 'empty.txt')), []);
});

test('a text file above 1 MiB is cut at blank lines, else lines, else characters, and nothing is lost', async (t) => {
  const root = await temporaryFolder(t);
  const paragraphs = `${'word '.repeat(300)}\n\n`.repeat(800);
  const lines = `${'word '.repeat(300)}\r\n`.repeat(800);
  const solid = '😀é'.repeat(200_000);
  for (const [text, end] of [
    [paragraphs, /\n\n$/],
    [lines, /[^\n]\r\n$/],
    [solid, /^[😀é]+$/u],
  ] as const) {
    await write(root, { 'a.txt': text });
    const documents = (await readAll(join(root, 'a.txt'))).map(([segment]) => segment![0]);
    assert.ok(documents.join('') === text);
    for (const document of documents) {
      assert.match(document, end);
      assert.ok(Buffer.byteLength(document) <= 65_536);
    }
    for (const document of documents.slice(0, -1)) assert.ok(Buffer.byteLength(document) >= 32_768);
  }
});

test('a long text record is cut like a file', async (t) => {
  const root = await temporaryFolder(t);
  const text = `${'word '.repeat(300)}\n\n`.repeat(800);
  await write(root, { 'a.txt': text, 'a.jsonl': jsonl({ text }) });
  assert.deepEqual(await readAll(join(root, 'a.jsonl')), await readAll(join(root, 'a.txt')));
});

test('records of JSON lines have text, prompt and completion, or messages', async (t) => {
  const root = await temporaryFolder(t);
  await write(root, {
    'a.jsonl': `\ufeff${jsonl({ text: 'one\ntwo 😀', id: 7 })}\r\n   \n${jsonl(
      { text: '' },
      { prompt: '2 + 2 =', completion: ' 4' },
      { prompt: '', completion: 'alone' },
      { text: null, messages: [{ role: 'assistant', content: 'Hi.' }] },
    )}{"text":"no line end"}`,
  });
  assert.deepEqual(await readAll(join(root, 'a.jsonl')), [
    plain('one\ntwo 😀'),
    [
      ['2 + 2 =', false],
      [' 4', true],
    ],
    plain('alone'),
    [
      ['Assistant: ', false],
      ['Hi.\n\n', true],
    ],
    plain('no line end'),
  ]);
});

test('names in capitals are read as what they are', async (t) => {
  const root = await temporaryFolder(t);
  const lines = jsonl({ text: 'one' }, { text: 'two' });
  await write(root, { 'DATA.JSONL': lines, 'Data.Jsonl.GZ': gzipSync(lines), 'DATA.PARQUET': 'no parquet' });
  const documents = [plain('one'), plain('two')];
  assert.deepEqual(await readAll(join(root, 'DATA.JSONL')), documents);
  assert.deepEqual(await readAll(join(root, 'Data.Jsonl.GZ')), documents);
  await assert.rejects(readAll(join(root, 'DATA.PARQUET')), /DATA\.PARQUET/);
});

test('only what the assistant says counts in a conversation', async (t) => {
  const root = await temporaryFolder(t);
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello?' },
    { role: 'assistant', content: 'Yes.' },
    { role: 'user', content: 'Bye' },
  ];
  await write(root, { 'a.jsonl': jsonl({ messages }) });
  assert.deepEqual(await readAll(join(root, 'a.jsonl'), 'plain'), [
    [
      ['System: Be brief.\n\nUser: Hello?\n\nAssistant: ', false],
      ['Yes.\n\n', true],
      ['User: Bye\n\n', false],
    ],
  ]);
  assert.deepEqual(await readAll(join(root, 'a.jsonl'), 'chatml'), [
    [
      [
        '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n',
        false,
      ],
      ['Yes.<|im_end|>', true],
      ['\n<|im_start|>user\nBye<|im_end|>\n', false],
    ],
  ]);
});

test('gzip files are read, of several members too, and lines reach across pieces', async (t) => {
  const root = await temporaryFolder(t);
  const long = Array.from({ length: 400_000 }, (_, i) => i).join(' ');
  const halves = [
    gzipSync(`${jsonl({ text: 'a' })}{"te`),
    gzipSync(`xt":"b"}\n${jsonl({ text: long.slice(0, 900_000) })}`),
  ];
  await write(root, { 'a.jsonl.gz': Buffer.concat(halves) });
  const documents = await readAll(join(root, 'a.jsonl.gz'));
  assert.deepEqual(documents.slice(0, 2), [plain('a'), plain('b')]);
  assert.equal(documents[2]![0]![0], long.slice(0, 900_000));
});

test('Parquet files have the same fields as columns, in several row groups and compressions', async () => {
  const read = (name: string) => readAll(`test/fixtures/corpus/${name}.parquet`);
  assert.deepEqual(await read('text'), [plain('first row: ünï 😀'), plain('second row'), plain('third row')]);
  const pairs = await read('pairs');
  assert.equal(pairs.length, 3);
  assert.deepEqual(pairs[2], [
    ['4 + 4 =', false],
    [' eight', true],
  ]);
  const chats = await read('messages');
  assert.equal(chats.length, 3);
  assert.deepEqual(chats[2], [
    ['User: 1?\n\nAssistant: ', false],
    ['2.\n\n', true],
    ['User: 3?\n\n', false],
  ]);
});
