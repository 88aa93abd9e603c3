// Float16 conversion: exact, ties to even, for every float16 and between all of them.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { halfBits, halfValue } from '../../../services/lib/targets/float16.js';

test('known values convert both ways', () => {
  const known: readonly (readonly [number, number])[] = [
    [0, 0x0000],
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
    assert.equal(halfBits(value), bits);
    assert.equal(halfValue(bits), value);
  }
  assert.equal(halfBits(-0), 0x8000);
  assert.ok(Number.isNaN(halfValue(halfBits(Number.NaN))));
});

test('every float16 survives the round trip', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = halfValue(bits);
    if (!Number.isNaN(value)) assert.equal(halfBits(value), bits);
  }
});

test('halfway between two float16 goes to the even one, anything else to the nearer', () => {
  // Both neighbours and their midpoint are exact in float32; so are the midpoint's float32 neighbours.
  const view = new DataView(new ArrayBuffer(4));
  const next = (value: number, ulps: number) => {
    view.setFloat32(0, value);
    view.setUint32(0, view.getUint32(0) + ulps);
    return view.getFloat32(0);
  };
  for (let bits = 0; bits < 0x7bff; bits++) {
    const midpoint = (halfValue(bits) + halfValue(bits + 1)) / 2;
    const even = (bits & 1) === 0 ? bits : bits + 1;
    assert.equal(halfBits(midpoint), even);
    assert.equal(halfBits(next(midpoint, -1)), bits);
    assert.equal(halfBits(next(midpoint, 1)), bits + 1);
    assert.equal(halfBits(-midpoint), even | 0x8000);
  }
});

test('what is too large becomes infinity from 65520 on', () => {
  assert.equal(halfBits(65519.99609375), 0x7bff);
  assert.equal(halfBits(65520), 0x7c00);
  assert.equal(halfBits(3e38), 0x7c00);
});

test('no float16 is nearer than the one chosen', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const bits = halfBits(value);
      const error = Math.abs(halfValue(bits) - value);
      for (const neighbour of [bits - 1, bits + 1]) {
        const other = halfValue(neighbour & 0xffff);
        if (Number.isFinite(other)) assert.ok(Math.abs(other - value) >= error);
      }
    }),
  );
});
