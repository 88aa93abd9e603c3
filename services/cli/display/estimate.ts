// How long what is left will take, from what has been done so far.

/** Time left in ms from a moving window of (time, done) samples, so that a slow start does not linger in the estimate. */
export class Estimate {
  readonly #samples: { readonly atMs: number; readonly done: number }[] = [];
  readonly #windowMs: number;

  constructor(windowMs = 30_000) {
    this.#windowMs = windowMs;
  }

  add(atMs: number, done: number): void {
    const last = this.#samples.at(-1);
    if (last && done < last.done) this.#samples.length = 0;
    this.#samples.push({ atMs, done });
    while (this.#samples.length > 2 && atMs - this.#samples[0]!.atMs > this.#windowMs) this.#samples.shift();
  }

  /** Units a second; undefined until two samples differ. */
  rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs || last.done <= first.done) return undefined;
    return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
  }

  leftMs(total: number): number | undefined {
    const rate = this.rate();
    const last = this.#samples.at(-1);
    if (rate === undefined || !last) return undefined;
    return Math.max(0, ((total - last.done) / rate) * 1000);
  }
}
