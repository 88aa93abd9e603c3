// Arrays of C strings.
import { addressOf } from './api.js';

/** `const char* const*`: NUL-terminated strings and their addresses, alive as long as this object. */
export class StringTable {
  readonly pointers: BigUint64Array;
  readonly #bytes: readonly Uint8Array[];

  constructor(strings: readonly string[]) {
    this.#bytes = strings.map((text) => new TextEncoder().encode(`${text}\0`));
    this.pointers = BigUint64Array.from(this.#bytes, addressOf);
  }
}
