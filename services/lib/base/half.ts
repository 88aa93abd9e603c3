// The two 16-bit float formats and their bits. Rounding is to nearest, ties to even; the way back is exact.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the IEEE 754 binary16 nearest to `value` (as a float32). Values past 65504 (after rounding) become infinities. */
export function halfFromFloat(value: number): number {
  float[0] = value;
  const x = bits[0]!;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  // 65520 = 0x477ff000 is halfway between the largest finite half and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent (127 - 15 = 112) and round away 13 bits of mantissa.
    const rebased = magnitude - (112 << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // Subnormal: a multiple of 2^-24. Scaling by a power of two is exact, so one rounding happens here.
  const scaled = Math.abs(float[0]!) * 2 ** 24;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
}

/** The number that binary16 bits stand for. */
export function floatFromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  // Subnormals have no implicit leading one and the exponent of the smallest normal number.
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Bits of the bfloat16 nearest to `value` (as a float32). */
export function bfloat16FromFloat(value: number): number {
  float[0] = value;
  const x = bits[0]!;
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40;
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that bfloat16 bits stand for. */
export function floatFromBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0]!;
}

let floatOfHalf: Float32Array | undefined;

/** `floatFromHalf` of many: 65,536 values are quicker to look up than to compute. */
export function floatsFromHalves(halves: Uint16Array): Float32Array {
  floatOfHalf ??= Float32Array.from({ length: 0x10000 }, (_, half) => floatFromHalf(half));
  const table = floatOfHalf;
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = table[halves[i]!]!;
  return out;
}

/** `floatFromBfloat16` of many: the upper halves of the same numbers. */
export function floatsFromBfloat16s(halves: Uint16Array): Float32Array {
  const out = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = halves[i]! << 16;
  return new Float32Array(out.buffer);
}
