// Conversions to and from the 16-bit float formats: for every half, and between all of them.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  bfloat16FromFloat,
  floatFromBfloat16,
  floatFromHalf,
  floatsFromBfloat16s,
  floatsFromHalves,
  halfFromFloat,
} from '#base';

const everyHalf = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);

test('known halves convert both ways', () => {
  const known: readonly (readonly [number, number])[] = [
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.333251953125, 0x3555],
    [65504, 0x7bff],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [-(2 ** -24), 0x8001],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ];
  for (const [value, bits] of known) {
    assert.equal(halfFromFloat(value), bits);
    assert.equal(floatFromHalf(bits), value);
  }
});

test('every half is the half nearest to its own value', () => {
  for (const bits of everyHalf) {
    const value = floatFromHalf(bits);
    if (Number.isNaN(value)) assert.ok(Number.isNaN(floatFromHalf(halfFromFloat(value))));
    else assert.equal(halfFromFloat(value), bits, `${value}`);
  }
});

test('halfway between two halves goes to the even one, anything else to the nearer', () => {
  // Both neighbours and their midpoint are exact in float32; so are the midpoint's float32 neighbours.
  const view = new DataView(new ArrayBuffer(4));
  const next = (value: number, ulps: number) => {
    view.setFloat32(0, value);
    view.setUint32(0, view.getUint32(0) + ulps);
    return view.getFloat32(0);
  };
  for (let bits = 0; bits < 0x7bff; bits++) {
    const midpoint = (floatFromHalf(bits) + floatFromHalf(bits + 1)) / 2;
    const even = (bits & 1) === 0 ? bits : bits + 1;
    assert.equal(halfFromFloat(midpoint), even);
    assert.equal(halfFromFloat(next(midpoint, -1)), bits);
    assert.equal(halfFromFloat(next(midpoint, 1)), bits + 1);
    assert.equal(halfFromFloat(-midpoint), even | 0x8000);
  }
});

test('what is too large for a half becomes infinity from 65520 on', () => {
  // The largest half is 65504 and the spacing there is 32, so 65520 is the first value that rounds to infinity.
  assert.equal(halfFromFloat(65519.99609375), 0x7bff);
  assert.equal(halfFromFloat(65520), 0x7c00);
  assert.equal(halfFromFloat(3e38), 0x7c00);
  assert.equal(halfFromFloat(-1e9), 0xfc00);
});

test('no half is nearer than the one chosen', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const bits = halfFromFloat(value);
      const error = Math.abs(floatFromHalf(bits) - value);
      for (const neighbour of [bits - 1, bits + 1]) {
        const other = floatFromHalf(neighbour & 0xffff);
        if (Number.isFinite(other)) assert.ok(Math.abs(other - value) >= error);
      }
    }),
  );
});

test('bfloat16 keeps the upper half of a float32, rounded to nearest even', () => {
  for (const bits of everyHalf) {
    const value = floatFromBfloat16(bits);
    if (!Number.isNaN(value)) assert.equal(bfloat16FromFloat(value), bits);
  }
  // Around 1 the spacing is 2^-7.
  assert.equal(bfloat16FromFloat(1 + 2 ** -8), 0x3f80);
  assert.equal(bfloat16FromFloat(1 + 3 * 2 ** -8), 0x3f82);
  assert.ok(Number.isNaN(floatFromBfloat16(bfloat16FromFloat(Number.NaN))));
});

test('many at once are the same as one by one', () => {
  // As plain arrays: which NaN it is does not matter.
  assert.deepEqual([...floatsFromHalves(everyHalf)], Array.from(everyHalf, floatFromHalf));
  assert.deepEqual([...floatsFromBfloat16s(everyHalf)], Array.from(everyHalf, floatFromBfloat16));
});
