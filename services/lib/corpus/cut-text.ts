// Cutting long texts into documents of moderate size.

/** Texts up to this size are one document each. */
export const maxWholeTextBytes = 1 << 20;

/** Longer ones are cut into documents of about this size. */
export const pieceBytes = 1 << 16;

const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Where to cut the first piece off bytes of which there are at least `pieceBytes`: after the last blank line in the
 * second half of the piece, else after the last line, else before the last character that fits.
 */
export function cutPosition(bytes: Uint8Array): number {
  const half = pieceBytes / 2;
  let lineEnd = 0;
  for (let at = pieceBytes - 1; at >= half; at--) {
    if (bytes[at] !== newline) continue;
    if (lineEnd === 0) lineEnd = at + 1;
    const before = bytes[at - 1] === carriageReturn ? at - 2 : at - 1;
    if (bytes[before] === newline) return at + 1;
  }
  if (lineEnd > 0) return lineEnd;
  let at = pieceBytes;
  // A character's later bytes are 10xxxxxx, and there are at most three.
  while (at > pieceBytes - 4 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}

/** A text in memory as documents: itself, or its pieces where it is longer than `maxWholeTextBytes`. */
export function* cutText(bytes: Uint8Array): Generator<Uint8Array> {
  let rest = bytes;
  if (rest.byteLength > maxWholeTextBytes) {
    while (rest.byteLength > pieceBytes) {
      const at = cutPosition(rest);
      yield rest.subarray(0, at);
      rest = rest.subarray(at);
    }
  }
  if (rest.byteLength > 0) yield rest;
}
