// Keyed random numbers: golden values, because a change of one bit would change every run.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { keyedNormals, keyedPermutation, keyedUint32, keyedUniform } from '#base';
import { inverseNormal } from '../../../services/lib/base/inverse-normal.js';
import { philox } from '../../../services/lib/base/random.js';

test('the block cipher gives the known answers of Random123 for Philox 4x32-10', () => {
  const f = 0xffffffff;
  assert.deepEqual(philox([0, 0, 0, 0], 0, 0), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  assert.deepEqual(philox([f, f, f, f], f, f), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  assert.deepEqual(
    philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], 0xa4093822, 0x299f31d0),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

test('a key gives the same number for ever', () => {
  assert.equal(keyedUint32(1, 'test'), 1383646178);
  assert.equal(keyedUint32(1, 'test', 2, 3, 4), 3576547128);
  assert.equal(keyedUniform(2 ** 53 - 1, 'test', 2 ** 40), 0.14314522507515215);
  assert.deepEqual(
    Array.from(keyedNormals(7, 'test', 5, 0.02)),
    [
      -0.004990022629499435, 0.01406973134726286, 0.029897477477788925, -0.008289264515042305,
      -0.0122414231300354,
    ],
  );
});

test('every part of a key matters', () => {
  const numbers = [
    keyedUint32(1, 'a', 1),
    keyedUint32(2, 'a', 1),
    keyedUint32(1 + 2 ** 32, 'a', 1),
    keyedUint32(1, 'b', 1),
    keyedUint32(1, 'a', 2),
    keyedUint32(1, 'a', 1 + 2 ** 32),
    keyedUint32(1, 'a', 1, 0),
    keyedUint32(1, 'a', 0, 1),
    keyedUint32(1, 'a'),
  ];
  assert.equal(new Set(numbers).size, numbers.length);
});

test('a key of anything but whole numbers is a mistake of the program', () => {
  assert.throws(() => keyedUint32(-1, 'a'), /internal: the seed/);
  assert.throws(() => keyedUint32(1, 'a', 0.5), /internal: an index/);
  assert.throws(() => keyedUint32(Number.NaN, 'a'), /internal: the seed/);
});

test('uniform numbers fill [0, 1) evenly', () => {
  const draws = 20_000;
  const buckets = new Array<number>(20).fill(0);
  for (let index = 0; index < draws; index += 1) {
    const value = keyedUniform(3, 'uniformity', index);
    assert.ok(value >= 0 && value < 1);
    buckets[Math.floor(value * 20)]! += 1;
  }
  // Chi squared with 19 degrees of freedom is below 43.8 with probability 0.999; the draws are fixed.
  const expected = draws / 20;
  const chiSquared = buckets.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chiSquared < 43.8, `chi squared ${chiSquared}`);
});

test('normal draws have the moments of a normal and begin alike whatever their number', () => {
  const count = 40_000;
  const draws = keyedNormals(5, 'moments', count, 2);
  const mean = draws.reduce((sum, value) => sum + value, 0) / count;
  const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const fourth = draws.reduce((sum, value) => sum + (value - mean) ** 4, 0) / count / variance ** 2;
  // Standard errors: mean 2/200 = 0.01, variance 4 * sqrt(2/40000) = 0.028, kurtosis sqrt(24/40000) = 0.024; 4 of each.
  assert.ok(Math.abs(mean) < 0.04, `mean ${mean}`);
  assert.ok(Math.abs(variance - 4) < 0.113, `variance ${variance}`);
  assert.ok(Math.abs(fourth - 3) < 0.098, `kurtosis ${fourth}`);
  assert.deepEqual(keyedNormals(5, 'moments', 11, 2), draws.subarray(0, 11));
});

test('the inverse normal agrees with an independent one over the centre and both tails', () => {
  // Python: statistics.NormalDist().inv_cdf(p)
  const golden: readonly [number, number][] = [
    [0.5, 0],
    [0.6, 0.2533471031357997],
    [0.925, 1.4395314709384563],
    [0.99, 2.3263478740408408],
    [1e-6, -4.753424308822899],
    [1e-11, -6.706023155495137],
    [2 ** -33, -6.337957754553789],
  ];
  for (const [p, z] of golden)
    assert.ok(Math.abs(inverseNormal(p) - z) <= 1e-6 * Math.max(1, Math.abs(z)), `${p} ${inverseNormal(p)}`);
});

test('a permutation visits every index once, for any size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), fc.nat({ max: 5 }), (size, seed, pass) => {
      const permute = keyedPermutation(size, seed, 'permutation', pass);
      const seen = new Set(Array.from({ length: size }, (_, index) => permute(index)));
      assert.equal(seen.size, size);
      for (const value of seen) assert.ok(Number.isInteger(value) && value >= 0 && value < size);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('a permutation of one thing, and of very many, stays inside its range', () => {
  assert.equal(keyedPermutation(1, 9, 'p')(0), 0);
  const size = 2 ** 40 + 12345;
  const permute = keyedPermutation(size, 9, 'p');
  const images = new Set(Array.from({ length: 500 }, (_, index) => permute(size - 1 - index)));
  assert.equal(images.size, 500);
  for (const image of images) assert.ok(image >= 0 && image < size);
  assert.throws(() => permute(size), /internal: index/);
  assert.throws(() => keyedPermutation(0, 9, 'p'), /internal: no permutation/);
});

test('a permutation is the same for ever and mixes well', () => {
  assert.deepEqual(
    Array.from({ length: 10 }, (_, index) => keyedPermutation(10, 1, 'golden')(index)),
    [3, 2, 4, 6, 0, 7, 9, 5, 1, 8],
  );
  // The mean displacement of a random permutation of n things is (n^2 - 1) / 3n, 333 for 1000.
  const permute = keyedPermutation(1000, 4, 'mixing');
  let displacement = 0;
  for (let index = 0; index < 1000; index += 1) displacement += Math.abs(permute(index) - index) / 1000;
  assert.ok(Math.abs(displacement - 333) < 35, `mean displacement ${displacement}`);
  // Neighbours stay neighbours about once in 500 pairs.
  let neighbours = 0;
  for (let index = 0; index < 999; index += 1)
    if (Math.abs(permute(index + 1) - permute(index)) === 1) neighbours += 1;
  assert.ok(neighbours < 12, `${neighbours} pairs of neighbours`);
});

test('small permutations take every order about equally often', () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 1200; seed += 1) {
    const order = [0, 1, 2].map(keyedPermutation(3, seed, 'orders')).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 6);
  // 200 expected of each, standard deviation sqrt(1200 * 5/36) = 12.9; the draws are fixed.
  for (const [order, count] of counts) assert.ok(Math.abs(count - 200) < 60, `${order}: ${count}`);
});
