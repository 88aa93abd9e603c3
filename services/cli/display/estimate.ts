// How long what is left will take, from what has been done so far.

interface Sample {
  readonly atMs: number;
  readonly done: number;
}

/** Shorter than this says little about a speed. */
const shortestSpanMs = 500;

/**
 * The speed over a moving window of (time, done) samples, so that a slow start does not linger in the estimate. What was
 * done before the first sample, such as the steps of a process before this one, says nothing and does not count.
 */
export class Estimate {
  #samples: Sample[] = [];
  #earlierRate: number | undefined;
  readonly #windowMs: number;

  constructor(windowMs = 30_000) {
    this.#windowMs = windowMs;
  }

  add(atMs: number, done: number): void {
    const last = this.#samples.at(-1);
    if (last && done < last.done) {
      this.#samples = [];
      this.#earlierRate = undefined;
    }
    // A few samples a second are enough of a window; the newest one always counts.
    const before = this.#samples.at(-2);
    if (before && last && last.atMs - before.atMs < this.#windowMs / 200) this.#samples.pop();
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 2 && atMs - this.#samples[0]!.atMs > this.#windowMs) this.#samples.shift();
  }

  /** The work rests for a while, which is no part of its speed. The speed until then holds until there is a new one. */
  rest(): void {
    this.#earlierRate = this.rate();
    this.#samples = [];
  }

  /** Units a second; undefined until there is something to go by. */
  rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs - first.atMs < shortestSpanMs || last.done <= first.done)
      return this.#earlierRate;
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
  }

  /** Time for what is missing to `total`. */
  leftMs(total: number, done: number = this.#samples.at(-1)?.done ?? 0): number | undefined {
    const rate = this.rate();
    return rate === undefined ? undefined : Math.max(0, ((total - done) / rate) * 1000);
  }
}
