// Keyed random numbers: the same key gives the same number on every machine, with no state to save.
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), keyed by the purpose.

import { assert } from './assert.js';
import { sha256Hex } from './digest.js';
import { inverseNormal } from './inverse-normal.js';

type Words = readonly [number, number, number, number];

const two32 = 2 ** 32;
const rounds = 10;

/** High 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

/** One block of the cipher: four words of counter, two of key, four words out. */
export function philox(counter: Words, key0: number, key1: number): Words {
  let [c0, c1, c2, c3] = counter;
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < rounds; round += 1) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0) >>> 0;
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

interface PurposeKey {
  readonly key0: number;
  readonly key1: number;
}

/** Purposes are literals and parameter names: a few hundred. The bound guards against a key made of data. */
const maxCachedPurposes = 4096;
const purposeKeys = new Map<string, PurposeKey>();

function keyOf(purpose: string): PurposeKey {
  const cached = purposeKeys.get(purpose);
  if (cached) return cached;
  const hex = sha256Hex(purpose);
  const key = { key0: Number.parseInt(hex.slice(0, 8), 16), key1: Number.parseInt(hex.slice(8, 16), 16) };
  if (purposeKeys.size >= maxCachedPurposes) purposeKeys.clear();
  purposeKeys.set(purpose, key);
  return key;
}

function lowWord(value: number): number {
  return (value - Math.floor(value / two32) * two32) >>> 0;
}

function highWord(value: number): number {
  return Math.floor(value / two32) >>> 0;
}

function assertKeyNumber(value: number, what: string): void {
  assert(
    Number.isSafeInteger(value) && value >= 0,
    `${what} of a random key must be a whole number of at least 0 (${value})`,
  );
}

/** Absorbs seed, then the indices two by two, chaining blocks; the number of indices is part of the key. */
function keyedWords(seed: number, purpose: string, indices: readonly number[]): Words {
  assertKeyNumber(seed, 'the seed');
  const { key0, key1 } = keyOf(purpose);
  let words = philox([lowWord(seed), highWord(seed), indices.length, 0], key0, key1);
  for (let at = 0; at < indices.length; at += 2) {
    const first = indices[at]!;
    const second = indices[at + 1] ?? 0;
    assertKeyNumber(first, 'an index');
    assertKeyNumber(second, 'an index');
    words = philox(
      [
        (words[0] ^ lowWord(first)) >>> 0,
        (words[1] ^ highWord(first)) >>> 0,
        (words[2] ^ lowWord(second)) >>> 0,
        (words[3] ^ highWord(second)) >>> 0,
      ],
      key0,
      key1,
    );
  }
  return words;
}

/** A number in [0, 2^32) that depends on the key alone. Seed and indices are whole numbers of at least 0. */
export function keyedUint32(seed: number, purpose: string, ...indices: readonly number[]): number {
  return keyedWords(seed, purpose, indices)[0];
}

/** A number in [0, 1) with 53 random bits that depends on the key alone. */
export function keyedUniform(seed: number, purpose: string, ...indices: readonly number[]): number {
  const words = keyedWords(seed, purpose, indices);
  return ((words[0] >>> 5) * 2 ** 26 + (words[1] >>> 6)) / 2 ** 53;
}

/**
 * `count` draws from a normal distribution of mean 0 and the given standard deviation. Element i depends on
 * (seed, purpose, i) alone, so a longer call begins with a shorter one, and the bits are equal on every machine.
 */
export function keyedNormals(seed: number, purpose: string, count: number, std: number): Float32Array {
  const { key0, key1 } = keyOf(purpose);
  const stream = keyedWords(seed, purpose, []);
  const values = new Float32Array(count);
  for (let at = 0; at < count; at += 4) {
    const block = at / 4;
    const words = philox(
      [(stream[0] ^ lowWord(block)) >>> 0, (stream[1] ^ highWord(block)) >>> 0, stream[2], stream[3]],
      key0,
      key1,
    );
    const end = Math.min(4, count - at);
    for (let lane = 0; lane < end; lane += 1) {
      // The half keeps the probability away from 0 and 1, where the normal is infinite.
      values[at + lane] = std * inverseNormal((words[lane]! + 0.5) / two32);
    }
  }
  return values;
}
