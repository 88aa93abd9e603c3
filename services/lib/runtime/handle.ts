// A native handle with one owner, released exactly once.

import { release } from './api.js';
import type { Release } from './api-table.js';

export class Handle {
  readonly #release: Release;
  #address: bigint;

  constructor(address: bigint, releaseWith: Release) {
    this.#address = address;
    this.#release = releaseWith;
  }

  /** The address, 0 after release. */
  get address(): bigint {
    return this.#address;
  }

  release(): void {
    const address = this.#address;
    this.#address = 0n;
    if (address !== 0n) release(this.#release, address);
  }
}

/** Runs `body` with a handle that lives only as long as it. */
export function withHandle<T>(address: bigint, releaseWith: Release, body: (address: bigint) => T): T {
  try {
    return body(address);
  } finally {
    release(releaseWith, address);
  }
}
