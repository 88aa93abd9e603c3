// Arrays of C strings.
import { addressOf } from './api.js';

/**
 * `const char* const*`: the addresses of NUL-terminated strings. They lie in the same buffer behind the addresses, so that
 * whoever references the array keeps all of it.
 */
export function stringTable(strings: readonly string[]): BigUint64Array {
  const bytes = strings.map((text) => new TextEncoder().encode(`${text}\0`));
  const addressBytes = strings.length * BigUint64Array.BYTES_PER_ELEMENT;
  const all = new Uint8Array(addressBytes + bytes.reduce((sum, { length }) => sum + length, 0));
  const pointers = new BigUint64Array(all.buffer, 0, strings.length);
  let at = addressBytes;
  for (const [index, text] of bytes.entries()) {
    all.set(text, at);
    pointers[index] = addressOf(all) + BigInt(at);
    at += text.length;
  }
  return pointers;
}
