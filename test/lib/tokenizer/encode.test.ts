import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import fc from 'fast-check';
import { openTokenizer, type Tokenizer } from '#tokenizer';
import { parseDefinition } from '../../../services/lib/tokenizer/definition.js';
import { openWithLibrary } from '../../../services/lib/tokenizer/library.js';

const folder = 'test/fixtures/tokenizer';
const names = ['gpt', 'llama', 'byte-level'] as const;
const readJson = async (name: string) => JSON.parse(await readFile(`${folder}/${name}.json`, 'utf8'));
const open = (name: string) => openTokenizer(`${folder}/${name}.json`);

/** Words, code, odd white space, other scripts, what spells a special token, and any characters at all. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'The counting ',
        'der Text',
        '  ',
        '\n\n',
        '\t',
        '▁',
        '▁▁',
        '<|endoftext|>',
        '</s>',
        '<unk>',
        '<0x41>',
      ),
      fc.constantFrom(
        'ids.push(...merge(piece));',
        "it's",
        '漢字',
        '😀',
        '\u00a0',
        'é',
        'e\u0301',
        '12345',
        '\ufeff',
      ),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('a', 'x', ' ', '\n', '=', 'the').chain((s) => fc.nat(100).map((n) => s.repeat(n))),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

test('ids are those that Python tokenizers gives, over many scripts and forms of white space', async () => {
  const samples: string[] = await readJson('samples');
  const golden: Record<string, number[][]> = await readJson('golden');
  for (const name of names) {
    const tokenizer = await open(name);
    for (const [i, sample] of samples.entries()) {
      assert.deepEqual([...tokenizer.encode(sample)], golden[name]![i], `${name}, sample ${i}`);
    }
  }
});

test('the quick paths give exactly what the library gives on its own', async () => {
  for (const name of names) {
    const library = openWithLibrary(parseDefinition(await readJson(name), name), name, 'library');
    const tokenizer = await open(name);
    fc.assert(
      fc.property(text, (sample) => {
        assert.deepEqual(tokenizer.encode(sample), library.encode(sample));
      }),
      { numRuns: 300, seed: 3 },
    );
  }
});

test('a long document encodes like the library encodes it', async () => {
  const paragraph = await readFile(`${folder}/train.txt`, 'utf8');
  const long = `${paragraph.repeat(12)}${'='.repeat(3000)}${' '.repeat(3000)}${'ab'.repeat(2000)}${paragraph}`;
  for (const name of names) {
    const library = openWithLibrary(parseDefinition(await readJson(name), name), name, 'library');
    assert.deepEqual((await open(name)).encode(long), library.encode(long), name);
  }
});

test('byte-level tokenizers give every well-formed text back', async () => {
  const roundTrip = (tokenizer: Tokenizer) =>
    fc.assert(
      fc.property(text, (sample) => {
        assert.equal(tokenizer.decode(tokenizer.encode(sample)), sample);
      }),
      { numRuns: 200, seed: 4 },
    );
  roundTrip(await open('byte-level'));
  roundTrip(await open('gpt'));
});

test('an empty text has no ids, and no ids are an empty text', async () => {
  for (const name of names) {
    const tokenizer = await open(name);
    assert.equal(tokenizer.encode('').length, 0);
    assert.equal(tokenizer.decode([]), '');
  }
});

test('text that spells the end-of-text token becomes it', async () => {
  const { encode, endOfText } = await open('byte-level');
  assert.deepEqual([...encode('a<|endoftext|>b')], [97, endOfText, 98]);
});
