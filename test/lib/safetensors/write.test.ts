import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import {
  readFloat32,
  readHeader,
  readTensor,
  safetensorsPieces,
  type TensorSource,
  writeSafetensors,
} from '#safetensors';
import { temporaryFolder } from '../../support/temporary-folder.js';

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer);
const f32 = (name: string, values: readonly number[]): TensorSource => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  data: () => bytesOf(Float32Array.from(values)),
});

test('what is written reads back, and the digest is that of the file', async (t) => {
  const path = join(await temporaryFolder(t), 'model.safetensors');
  const byte: TensorSource = { name: 'b', dtype: 'U8', shape: [3], data: async () => Uint8Array.of(7, 8, 9) };
  const { sha256, bytes } = await writeSafetensors(path, [byte, f32('a', [1, -2.5])], { step: '12' });
  const content = await readFile(path);
  assert.equal(bytes, content.byteLength);
  assert.equal(sha256, createHash('sha256').update(content).digest('hex'));
  const { entries, metadata } = await readHeader(path);
  assert.deepEqual(metadata, { step: '12' });
  assert.deepEqual([...(await readFloat32(path, entries.get('a')!))], [1, -2.5]);
  assert.deepEqual([...(await readTensor(path, entries.get('b')!))], [7, 8, 9]);
});

test('pieces are the bytes of the file, views of at most 8 MiB', async (t) => {
  const path = join(await temporaryFolder(t), 'model.safetensors');
  const large = new Uint8Array(20 << 20).map((_, i) => i % 251);
  const sources: TensorSource[] = [
    { name: 'large', dtype: 'U8', shape: [large.length], data: () => large },
    f32('a', [1, -2.5]),
  ];
  await writeSafetensors(path, sources);
  const pieces: Uint8Array[] = [];
  for await (const piece of safetensorsPieces(sources)) pieces.push(piece);
  assert.ok(pieces.every((piece) => piece.byteLength <= 8 << 20));
  assert.equal(pieces.filter((piece) => piece.buffer === large.buffer).length, 3);
  assert.ok(Buffer.concat(pieces).equals(await readFile(path)));
  assert.throws(() => safetensorsPieces([f32('a', [1]), f32('a', [2])]), /"a" is taken/);
});

test('data starts at a multiple of 64 and the widest elements come first', async (t) => {
  const path = join(await temporaryFolder(t), 'model.safetensors');
  const one: TensorSource = { name: 'a', dtype: 'BOOL', shape: [1], data: () => Uint8Array.of(1) };
  await writeSafetensors(path, [one, f32('z', [1])]);
  const { entries } = await readHeader(path);
  assert.deepEqual([...entries.keys()], ['z', 'a']);
  assert.equal(entries.get('z')!.offset % 64, 0);
});

test('equal tensors give equal bytes whatever the order they are given in', async (t) => {
  const folder = await temporaryFolder(t);
  const tensor = fc.record({
    name: fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom('U8', 'I16', 'F32', 'F64'),
    shape: fc.array(fc.nat(3), { maxLength: 3 }),
  });
  const set = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 });
  const sizes = { U8: 1, I16: 2, F32: 4, F64: 8 };
  await fc.assert(
    fc.asyncProperty(
      set.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      async ([list, shuffled]) => {
        const sources = (all: typeof list) =>
          all.map(({ name, dtype, shape }) => {
            const length = shape.reduce((a, b) => a * b, sizes[dtype as keyof typeof sizes]);
            const fill = Buffer.from(name)[0] ?? 0;
            return { name, dtype, shape, data: () => new Uint8Array(length).fill(fill) } as TensorSource;
          });
        const path = join(folder, 'x');
        const first = await writeSafetensors(path, sources(list), { b: '1', a: '2' });
        const second = await writeSafetensors(path, sources(shuffled), { a: '2', b: '1' });
        assert.deepEqual(first, second);
        const { entries } = await readHeader(path);
        assert.equal(entries.size, list.length);
      },
    ),
    { numRuns: 30, seed: 2 },
  );
});

test('one tensor is in memory at a time: each is asked for after the one before it was written', async (t) => {
  const path = join(await temporaryFolder(t), 'x');
  const asked: string[] = [];
  const source = (name: string): TensorSource => ({
    name,
    dtype: 'U8',
    shape: [1],
    data: async () => {
      asked.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      asked.push(`${name} given`);
      return Uint8Array.of(0);
    },
  });
  await writeSafetensors(path, [source('b'), source('a')]);
  assert.deepEqual(asked, ['a', 'a given', 'b', 'b given']);
});

test('a wrong length, an equal name or a failing source leaves no file behind', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'x');
  const wrong: TensorSource = { ...f32('a', [1]), shape: [2] };
  await assert.rejects(writeSafetensors(path, [wrong]), /"a" is F32 \[2\], 8 bytes, and was given 4/);
  await assert.rejects(writeSafetensors(path, [f32('a', []), f32('a', [])]), /"a" is taken/);
  await assert.rejects(writeSafetensors(path, [f32('__metadata__', [])]), /is taken/);
  const failing: TensorSource = { ...f32('a', [1]), data: () => Promise.reject(new Error('device lost')) };
  await assert.rejects(writeSafetensors(path, [failing]), /device lost/);
  await assert.rejects(writeSafetensors(join(folder, 'no', 'x'), []), { code: 'not_found' });
  assert.deepEqual(await readdir(folder), []);
});
