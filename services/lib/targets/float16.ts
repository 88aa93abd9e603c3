// IEEE 754 binary16 conversions, to and from the bits. No dependencies: Node 20 has neither Float16Array nor Math.f16round.

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/**
 * Bits of the float16 nearest to a float32 value, ties to even. Magnitudes of 65520 and above become infinity, NaN
 * becomes a quiet NaN. A value that is no float32 is rounded to one first.
 */
export function halfBits(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude >= 0x7f80_0000) return sign | 0x7c00 | (magnitude > 0x7f80_0000 ? 0x0200 : 0);
  if (magnitude >= 0x3880_0000) {
    // Normal: drop 13 bits of the significand; adding just under half of the last kept bit, plus that bit itself, rounds
    // ties to even, and a carry moves into the exponent (up to infinity) by itself.
    const rounded = magnitude + 0x0fff + ((magnitude >>> 13) & 1);
    const half = (rounded - 0x3800_0000) >>> 13;
    return sign | Math.min(half, 0x7c00);
  }
  if (magnitude < 0x3300_0000) return sign; // below half of the smallest subnormal, 2^-25
  // Subnormal: count in units of 2^-24.
  const shift = 126 - (magnitude >>> 23);
  const significand = (magnitude & 0x007f_ffff) | 0x0080_0000;
  const kept = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  const up = rest > tie || (rest === tie && (kept & 1) === 1);
  return sign | (kept + (up ? 1 : 0));
}

/** The value of float16 bits; every float16 is a float32 and a double exactly. */
export function halfValue(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x03ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
