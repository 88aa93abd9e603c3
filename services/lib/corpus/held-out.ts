// Which documents are held out for validation.

import { createHash } from 'node:crypto';
import { type Document, documentBytes } from './document.js';

/** Shorter documents have too few positions to measure anything by. */
export const minSampleBytes = 32;

/** Hash of a document's text under the run's seed: it decides who is held out, and tells equal documents. */
export type DocumentKey = string;

/**
 * What counts in the loss makes no difference, nor does white space around the text: equal text is equal text, though
 * one copy is a file that ends with a line end and the other a record that does not.
 */
export function documentKey(seed: number, document: Document): DocumentKey {
  const hash = createHash('sha256').update(`ddk held-out ${seed}\n`);
  for (const [i, { bytes }] of document.entries()) {
    let start = 0;
    let end = bytes.byteLength;
    if (i === 0) while (start < end && isSpace(bytes[start]!)) start++;
    if (i === document.length - 1) while (end > start && isSpace(bytes[end - 1]!)) end--;
    hash.update(bytes.subarray(start, end));
  }
  return hash.digest('hex');
}

/** Space, tab, line feed, vertical tab, form feed, carriage return. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

export function isEligible(document: Document): boolean {
  return documentBytes(document) >= minSampleBytes;
}

/**
 * Keeps the smallest `capacity` distinct keys of all that are offered. Under a keyed hash those are a uniform sample of
 * the distinct documents that is the same in whatever order they come, in memory that does not grow with their number.
 */
export class SmallestKeys {
  readonly #capacity: number;
  readonly #sorted: DocumentKey[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  offer(key: DocumentKey): void {
    const keys = this.#sorted;
    if (keys.length === this.#capacity && (keys.length === 0 || key > keys.at(-1)!)) return;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    if (keys[low] === key) return;
    // Moving up to `capacity` references is rare: of n documents about capacity * ln(n / capacity) get this far.
    keys.splice(low, 0, key);
    if (keys.length > this.#capacity) keys.pop();
  }

  /** Ascending. */
  keys(): readonly DocumentKey[] {
    return this.#sorted;
  }
}
