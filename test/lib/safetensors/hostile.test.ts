import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError } from '#base';
import { parseHeader, readHeader } from '#safetensors';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { writeRaw } from './fixture.js';

const f32 = (begin: number, end: number, count = (end - begin) / 4) =>
  `{"dtype":"F32","shape":[${count}],"data_offsets":[${begin},${end}]}`;

const hostile: readonly (readonly [title: string, header: string, dataBytes: number, message: RegExp])[] = [
  [
    'overlapping tensors',
    `{"a":${f32(0, 8)},"b":${f32(4, 12)}}`,
    12,
    /offsets \[4, 12\] of tensor "b" overlap/,
  ],
  [
    'a gap between tensors',
    `{"a":${f32(0, 4)},"b":${f32(8, 12)}}`,
    12,
    /offsets \[8, 12\] of tensor "b" leave a gap/,
  ],
  ['data that starts late', `{"a":${f32(4, 8)}}`, 8, /leave a gap/],
  [
    'offsets that run backwards',
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,-4]}}',
    4,
    /whole number/,
  ],
  ['an end before its begin', `{"a":${f32(0, 8)},"b":${f32(8, 4, 1)}}`, 8, /run backwards/],
  ['offsets beyond the file', `{"a":${f32(0, 4000)}}`, 4, /cut short or damaged/],
  ['data that belongs to no tensor', `{"a":${f32(0, 4)}}`, 8, /cut short or damaged/],
  ['a size that is not the shape', `{"a":${f32(0, 8, 3)}}`, 8, /is F32 \[3\] but occupies 8 bytes/],
  [
    'a size that overflows',
    '{"a":{"dtype":"F64","shape":[9007199254740991,9007199254740991],"data_offsets":[0,8]}}',
    8,
    /occupies 8/,
  ],
  ['two tensors of one name', `{"a":${f32(0, 4)},"a":${f32(4, 8)}}`, 8, /"a" appears twice/],
  ['one name spelt in two ways', `{"a":${f32(0, 4)},"\\u0061":${f32(4, 8)}}`, 8, /"a" appears twice/],
  [
    'a field given twice',
    '{"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,4]}}',
    4,
    /appears twice/,
  ],
  ['two metadata objects', '{"__metadata__":{},"__metadata__":{}}', 0, /two __metadata__/],
  ['metadata that is not text', '{"__metadata__":{"a":1}}', 0, /a string was expected/],
  [
    'an unknown element type',
    '{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}',
    4,
    /type "F31", and only BOOL/,
  ],
  ['a fraction as offset', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4.5]}}', 4, /was expected/],
  ['a third offset', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 4, /must be two numbers/],
  ['a missing field', '{"a":{"dtype":"F32","shape":[1]}}', 0, /is missing/],
  ['an unknown field', '{"a":{"kind":"x"}}', 0, /"kind" of tensor "a" is unknown/],
  ['deep nesting', `{"a":${'['.repeat(100_000)}`, 0, /"\{" was expected/],
  [
    'a shape of a hundred dimensions',
    `{"a":{"dtype":"U8","shape":[${Array(100).fill(1)}],"data_offsets":[0,1]}}`,
    1,
    /64/,
  ],
  ['something after the header', '{} {}', 0, /follows the closing brace/],
  ['a string that never ends', '{"a', 0, /not closed/],
  ['no JSON at all', 'hello', 0, /"\{" was expected/],
];

for (const [title, header, dataBytes, message] of hostile) {
  test(`a header with ${title} is refused`, async (t) => {
    const path = await writeRaw(await temporaryFolder(t), header, dataBytes);
    await assert.rejects(readHeader(path), (error) => {
      assert.ok(error instanceof DdkError);
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, message);
      assert.ok(error.message.includes(path));
      return true;
    });
  });
}

test('an absurd header length is refused before anything of that size is allocated', async (t) => {
  const folder = await temporaryFolder(t);
  for (const length of [2n ** 64n - 1n, 2n ** 40n, 3n]) {
    const path = await writeRaw(folder, '{}', 0, length);
    await assert.rejects(readHeader(path), /announces a header of \d+ bytes, and at most 2 are possible/);
  }
});

test('files too short to have a header are refused', async (t) => {
  const path = join(await temporaryFolder(t), 'short');
  await writeFile(path, 'abc');
  await assert.rejects(readHeader(path), /it has 3 bytes, fewer than its length field/);
  await truncate(path, 0);
  await assert.rejects(readHeader(path), /it has 0 bytes/);
});

test('a header that is not UTF-8 is refused', () => {
  assert.throws(() => parseHeader(Buffer.from([0x7b, 0xff, 0x7d]), 11, 'x'), /header is not UTF-8/);
});

test('whatever the header says, reading it answers with entries inside the file or with one DdkError', () => {
  const name = fc.constantFrom('a', 'b', '__metadata__', '__proto__', '"', '\\', '');
  const number = fc.oneof(fc.integer({ min: -1, max: 24 }), fc.constantFrom(1e300, 2 ** 53, 0.5, -0));
  const entry = fc.record(
    {
      dtype: fc.constantFrom('F32', 'U8', 'F64', 'X'),
      shape: fc.array(number, { maxLength: 3 }),
      data_offsets: fc.array(number, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  );
  const header = fc.oneof(
    fc
      .dictionary(name, fc.oneof({ weight: 8, arbitrary: entry }, fc.jsonValue()))
      .map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string(),
    // A sound header with one character changed.
    fc.tuple(fc.nat(120), fc.string({ minLength: 1, maxLength: 1 })).map(([at, character]) => {
      const sound = `{"a":${f32(0, 8)},"b":${f32(8, 16)},"__metadata__":{"k":"v"}}`;
      return sound.slice(0, at) + character + sound.slice(at + 1);
    }),
  );
  fc.assert(
    fc.property(header, fc.nat(24), (text, dataBytes) => {
      const json = Buffer.from(text, 'utf8');
      const fileBytes = 8 + json.byteLength + dataBytes;
      try {
        let end = 8 + json.byteLength;
        for (const tensor of parseHeader(json, fileBytes, 'x').entries.values()) {
          assert.equal(tensor.offset, end);
          end += tensor.byteLength;
        }
        assert.equal(end, fileBytes);
      } catch (error) {
        if (!(error instanceof DdkError)) throw error;
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
});
