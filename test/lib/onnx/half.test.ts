// Conversions to and from the 16-bit float formats.
import assert from 'node:assert/strict';
import test from 'node:test';
import { bfloat16FromFloat, floatFromBfloat16, floatFromHalf, halfFromFloat } from '#onnx';

test('every half is the half nearest to its own value', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = floatFromHalf(bits);
    if (Number.isNaN(value)) assert.ok(Number.isNaN(floatFromHalf(halfFromFloat(value))));
    else assert.equal(halfFromFloat(value), bits, `${value}`);
  }
});

test('halves round to nearest, ties to even', () => {
  // Around 1 the spacing is 2^-10; 1 + 2^-11 is a tie between 0x3c00 (even) and 0x3c01.
  assert.equal(halfFromFloat(1 + 2 ** -11), 0x3c00);
  assert.equal(halfFromFloat(1 + 2 ** -11 + 2 ** -20), 0x3c01);
  assert.equal(halfFromFloat(1 + 3 * 2 ** -11), 0x3c02);
  // The largest half is 65504 and the spacing there is 32, so 65520 is the first value that rounds to infinity.
  assert.equal(halfFromFloat(65519), 0x7bff);
  assert.equal(halfFromFloat(65520), 0x7c00);
  assert.equal(halfFromFloat(-1e9), 0xfc00);
  // The smallest half is 2^-24; half of it is a tie that goes to zero, a little more goes up.
  assert.equal(halfFromFloat(2 ** -25), 0);
  assert.equal(halfFromFloat(2 ** -25 * 1.5), 1);
  assert.equal(halfFromFloat(-0), 0x8000);
});

test('bfloat16 keeps the upper half of a float32, rounded to nearest even', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = floatFromBfloat16(bits);
    if (!Number.isNaN(value)) assert.equal(bfloat16FromFloat(value), bits);
  }
  // Around 1 the spacing is 2^-7.
  assert.equal(bfloat16FromFloat(1 + 2 ** -8), 0x3f80);
  assert.equal(bfloat16FromFloat(1 + 3 * 2 ** -8), 0x3f82);
  assert.ok(Number.isNaN(floatFromBfloat16(bfloat16FromFloat(Number.NaN))));
});
