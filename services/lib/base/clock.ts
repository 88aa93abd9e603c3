// Time, injected: the system's clock in processes, one moved by hand in tests and simulations.

import { setTimeout as delay } from 'node:timers/promises';
import { assert } from './assert.js';
import { DdkError } from './errors.js';

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For people and records. */
  now(): number;
  /** Milliseconds since an arbitrary moment; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with `cancelled` as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Node fires a timer longer than this at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    try {
      let left = Math.max(0, ms);
      for (; left > longestTimerMs; left -= longestTimerMs)
        await delay(longestTimerMs, undefined, { signal });
      await delay(left, undefined, { signal });
    } catch (error) {
      throw DdkError.from(error);
    }
  },
};

interface Sleeper {
  readonly wakeAtMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until `advance`. */
export class ManualClock implements Clock {
  readonly #startMs: number;
  #elapsedMs = 0;
  /** Sorted by time to wake; equal times in order of falling asleep. */
  readonly #sleepers: Sleeper[] = [];

  constructor(startMs = 0) {
    this.#startMs = startMs;
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = (): DdkError =>
        new DdkError('cancelled', 'The sleep was cancelled.', { cause: signal?.reason });
      if (signal?.aborted) return reject(cancelled());
      const onAbort = (): void => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(cancelled());
      };
      const sleeper: Sleeper = {
        wakeAtMs: this.#elapsedMs + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const after = this.#sleepers.findIndex((other) => other.wakeAtMs > sleeper.wakeAtMs);
      this.#sleepers.splice(after === -1 ? this.#sleepers.length : after, 0, sleeper);
    });
  }

  /**
   * Moves time on by `ms`. Sleepers wake one by one in order of their time, and everything that a waking one sets
   * going by promises alone has happened (it may fall asleep again, and wake within the same call) before the next wakes.
   */
  async advance(ms: number): Promise<void> {
    assert(ms >= 0, `a clock does not go back (${ms} ms)`);
    const end = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#sleepers[0]; next && next.wakeAtMs <= end; next = this.#sleepers[0]) {
      this.#sleepers.shift();
      this.#elapsedMs = Math.max(this.#elapsedMs, next.wakeAtMs);
      next.wake();
      await settle();
    }
    this.#elapsedMs = end;
  }
}

/** The microtask queue is empty by the time an immediate runs. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
