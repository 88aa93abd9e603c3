// Upcasting of the two 16-bit float formats to float32; both are exact.

let float32OfHalf: Float32Array | undefined;

/** IEEE 754 binary16 bits to float32. */
export function float32FromF16(bits: Uint16Array): Float32Array {
  // 65,536 values are quicker to look up than to compute, and there is only one way to get each right.
  float32OfHalf ??= Float32Array.from({ length: 0x10000 }, (_, half) => valueOfHalf(half));
  const table = float32OfHalf;
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

/** bfloat16 bits to float32: the upper half of the same number. */
export function float32FromBf16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  // Subnormals have no implicit leading one and the exponent of the smallest normal number.
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
