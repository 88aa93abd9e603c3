// A keyed permutation of [0, size) in constant memory: a Feistel network with cycle walking (Black and Rogaway 2002).

import { assert } from './assert.js';
import { keyedUint32 } from './random.js';

/** Enough that even halves of one or two bits are mixed well. */
const feistelRounds = 8;

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A bijection on [0, size) that depends on the key alone: `permute(i)` for i = 0, 1, ... visits every number once.
 * Constant memory and, on average, at most four passes through the network for one answer. size is 1 to 2^52.
 */
export function keyedPermutation(
  size: number,
  seed: number,
  purpose: string,
  ...indices: readonly number[]
): (index: number) => number {
  assert(Number.isSafeInteger(size) && size >= 1 && size <= 2 ** 52, `no permutation of ${size} things`);
  let halfBits = 1;
  while (4 ** halfBits < size) halfBits += 1;
  const half = 2 ** halfBits;
  const roundKeys = Array.from({ length: feistelRounds }, (_, round) =>
    keyedUint32(seed, purpose, ...indices, round),
  );

  const encrypt = (value: number): number => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (const key of roundKeys) {
      const next = (left ^ mix(right ^ key)) & (half - 1);
      left = right;
      right = next;
    }
    return left * half + right;
  };

  return (index) => {
    assert(Number.isInteger(index) && index >= 0 && index < size, `index ${index} is outside [0, ${size})`);
    // The network permutes [0, 4^halfBits); following its cycle from a point inside [0, size) leads back inside.
    let value = encrypt(index);
    while (value >= size) value = encrypt(value);
    return value;
  };
}
