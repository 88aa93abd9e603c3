// Shares the machine's cores between runs: those at work together have no more threads than there are cores.
//
// Two sessions with a thread for every core are not faster side by side than one after the other, but slower: the threads of
// one wait, inside of an operator, for those of their own that the other has displaced.
import { availableParallelism } from 'node:os';
import { DdkError } from '#base';

interface Waiting {
  readonly threads: number;
  readonly start: () => void;
}

export class Cores {
  readonly #count: number;
  #free: number;
  /** First come, first served, also where a later one would fit: a run of many threads is not put off for ever. */
  readonly #waiting: Waiting[] = [];

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /**
   * Calls `body` when `threads` cores are free, 0 meaning all of them. An abort while it waits ends the waiting, with code
   * `cancelled`; `body` is then never called.
   */
  async use<T>(threads: number, signal: AbortSignal | undefined, body: () => Promise<T>): Promise<T> {
    const wanted = threads === 0 ? this.#count : Math.min(threads, this.#count);
    await this.#take(wanted, signal);
    try {
      return await body();
    } finally {
      this.#free += wanted;
      this.#startNext();
    }
  }

  #take(threads: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(cancelled(signal));
        return;
      }
      const waiting: Waiting = {
        threads,
        start: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(cancelled(signal));
        // Whoever stood behind may fit.
        this.#startNext();
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(waiting);
      this.#startNext();
    });
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next && next.threads <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= next.threads;
      next.start();
    }
  }
}

/** The cores of this machine, for all sessions of this process that compute on them. */
export const cores = new Cores(availableParallelism());

/** What a run that its caller has ended rejects with. */
export function cancelled(signal: AbortSignal | undefined, cause?: unknown): DdkError {
  return new DdkError('cancelled', 'the run was cancelled', { cause: cause ?? signal?.reason });
}
