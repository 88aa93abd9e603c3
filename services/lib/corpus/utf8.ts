// UTF-8: whether bytes are, and where they stop being.

import { isUtf8 } from 'node:buffer';
import { DdkError } from '#base';

/**
 * Throws `invalid_argument` with reason `INVALID_UTF8` unless the bytes are UTF-8.
 *
 * @param where the file, and the line where there are lines
 * @param offset position of the first of these bytes in the file
 */
export function checkUtf8(bytes: Uint8Array, where: string, offset: number): void {
  if (isUtf8(bytes)) return;
  const at = firstInvalidByte(bytes);
  const value = bytes[at]?.toString(16).toUpperCase().padStart(2, '0') ?? 'the end';
  throw new DdkError(
    'invalid_argument',
    `${where} is not valid UTF-8 at byte ${offset + at} (${value}); convert it to UTF-8 or leave it out.`,
    { reason: 'INVALID_UTF8' },
  );
}

/** Position of the first byte that begins no complete, shortest-form character. (RFC 3629, section 4.) */
export function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = characterBytes(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/** Bytes of the character that begins here; 0 where none does. */
function characterBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // The second byte is narrower after these: no overlong forms, no surrogates, nothing above U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i];
    if (next === undefined || next < (i === 1 ? low : 0x80) || next > (i === 1 ? high : 0xbf)) return 0;
  }
  return length;
}
