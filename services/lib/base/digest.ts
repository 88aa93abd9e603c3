// SHA-256 and the one JSON form that digests are taken of.

import { createHash } from 'node:crypto';
import { assert } from './assert.js';

export function sha256Hex(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** SHA-256 of a stream: `update` in order, then `hex` once. */
export class Sha256 {
  readonly #hash = createHash('sha256');

  update(data: Uint8Array): this {
    this.#hash.update(data);
    return this;
  }

  hex(): string {
    return this.#hash.digest('hex');
  }
}

/**
 * JSON with sorted keys, no spaces, and no properties that are undefined: equal values give equal text.
 * Only plain data: null, booleans, strings, finite numbers, arrays, plain objects.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    assert(Number.isFinite(value), `${value} has no JSON form`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  assert(
    typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value)),
    `${typeof value} has no canonical JSON form`,
  );
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
