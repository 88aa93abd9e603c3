import assert from 'node:assert/strict';
import test from 'node:test';
import { readFloat32, readHeader, readTensor } from '#safetensors';

// Written by Python's safetensors; make.py beside it holds the values repeated here.
const fixture = 'test/fixtures/safetensors/python.safetensors';

test('a file written by the Python library reads with its names, shapes and metadata', async () => {
  const { entries, metadata } = await readHeader(fixture);
  assert.deepEqual(metadata, { format: 'pt' });
  assert.deepEqual([...entries.keys()].sort(), ['brain', 'empty', 'größe 😀', 'half', 'ids', 'weight']);
  assert.deepEqual(entries.get('half')?.shape, [2, 5]);
  assert.deepEqual(entries.get('empty')?.byteLength, 0);
  assert.deepEqual([...(await readTensor(fixture, entries.get('größe 😀')!))], [1, 2, 255]);
  const ids = await readTensor(fixture, entries.get('ids')!);
  assert.deepEqual([...new BigInt64Array(ids.buffer)], [-1n, 2n ** 40n]);
});

test('float32 reads as it is, and the two 16-bit formats are upcast exactly', async () => {
  const { entries } = await readHeader(fixture);
  const read = async (name: string) => [...(await readFloat32(fixture, entries.get(name)!))];
  assert.deepEqual(await read('weight'), [0, 1, 2.5, -3, Math.fround(1e-30), Math.fround(3e38)]);
  // 2^-24 is the smallest subnormal, 1023 * 2^-24 the largest, 65504 the largest number, 0x3555 = 0x555/1024 * 2^-2.
  const third = (1 + 0x155 / 1024) / 4;
  const { POSITIVE_INFINITY: inf } = Number;
  assert.deepEqual(await read('half'), [0, -0, 1, -2, 2 ** -24, 1023 * 2 ** -24, 65504, inf, -inf, third]);
  // 0x4049 is 3.140625: sign 0, exponent 128 - 127 = 1, fraction 0x49 / 128.
  assert.deepEqual(await read('brain'), [0, 1, -3, inf, 2 ** -133, 2 * (1 + 0x49 / 128)]);
});

test('integers are not read as floats', async () => {
  const { entries } = await readHeader(fixture);
  await assert.rejects(readFloat32(fixture, entries.get('ids')!), /"ids" has element type I64; convert it/);
});

test('a folder in the place of a file is named', async () => {
  await assert.rejects(readHeader('test/fixtures'), {
    code: 'invalid_argument',
    message: 'test/fixtures is not a valid safetensors file: it is a folder or a device.',
  });
});

test('a missing file is named', async () => {
  await assert.rejects(readHeader('no/such.safetensors'), {
    code: 'not_found',
    message: /no\/such\.safetensors/,
  });
});
