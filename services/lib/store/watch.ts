// Watching a record: compare its revision with that already told, whenever something may have changed.

import type { StoredRecord } from './types.js';

/** Wakes those who wait for a change made through this process. */
export class Changes {
  #version = 0;
  readonly #waiting = new Set<() => void>();

  get version(): number {
    return this.#version;
  }

  announce(): void {
    this.#version += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves once a change was announced after `version`, after `pollMs` if given, or when the signal aborts. */
  after(version: number, signal: AbortSignal, pollMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#version !== version || signal.aborted) return resolve();
      const timer = pollMs === undefined ? undefined : setTimeout(() => wake(), pollMs);
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      signal.addEventListener('abort', wake);
      this.#waiting.add(wake);
    });
  }
}

export interface Watched {
  /** Revision of the record, also of a deleted one; undefined where there is none. */
  head(): Promise<number | undefined>;
  get(): Promise<StoredRecord | undefined>;
}

/** `pollMs`: how often to look for the changes of other processes; undefined where there are none. */
export async function* watchRecord(
  record: Watched,
  changes: Changes,
  { signal, pollMs }: { readonly signal: AbortSignal; readonly pollMs: number | undefined },
): AsyncGenerator<StoredRecord> {
  let told: number | undefined;
  while (!signal.aborted) {
    // Taken before looking, so that a change made while looking is not slept over.
    const { version } = changes;
    const head = await record.head();
    if (head !== told) {
      const found = await record.get();
      told = found?.revision ?? head;
      if (signal.aborted) return;
      if (found) yield found;
    }
    await changes.after(version, signal, pollMs);
  }
}
