// Watching records: compare the revisions there are with those already told, whenever something may have changed.

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
  /** Key and revision of every record under the prefix, deleted ones included. */
  heads(prefix: string): Promise<readonly { readonly key: string; readonly revision: number }[]>;
  get(key: string): Promise<StoredRecord | undefined>;
}

/** `pollMs`: how often to look for the changes of other processes; undefined where there are none. */
export async function* watchRecords(
  records: Watched,
  changes: Changes,
  options: { readonly prefix: string; readonly signal: AbortSignal; readonly pollMs: number | undefined },
): AsyncGenerator<StoredRecord> {
  const { prefix, signal, pollMs } = options;
  const told = new Map<string, number>();
  while (!signal.aborted) {
    // Taken before looking, so that a change made while looking is not slept over.
    const { version } = changes;
    for (const head of await records.heads(prefix)) {
      if (told.get(head.key) === head.revision) continue;
      const record = await records.get(head.key);
      told.set(head.key, record?.revision ?? head.revision);
      if (signal.aborted) return;
      if (record) yield record;
    }
    await changes.after(version, signal, pollMs);
  }
}
