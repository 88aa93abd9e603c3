// What tables tell of a run's past: added up from its intervals, so that they need not be kept.
import type { DomainGap, Interval, Run } from '#proto/ddk/v1/types';
import type { History } from '../history.js';

export class RunPast {
  #start: readonly DomainGap[] = [];
  #trained = 0;
  readonly #drawn: number[] = [];

  /** Takes in what happened up to this version of a run; only what is new since the last one is read. */
  async follow(run: Run, history: History): Promise<this> {
    for await (const interval of history(run, this.#trained)) this.add(interval);
    return this;
  }

  /** Intervals come in order. One that is being trained counts once it comes again and is done. */
  add(interval: Interval): void {
    if (interval.index === 0) this.#start = interval.gaps;
    if (interval.index !== this.#trained || interval.checkpointDigest === '') return;
    this.#trained += 1;
    for (const [domain, windows] of interval.windowsDrawn.entries())
      this.#drawn[domain] = (this.#drawn[domain] ?? 0) + Number(windows);
  }

  /** The gaps before anything was trained; empty until they are measured. */
  get start(): readonly DomainGap[] {
    return this.#start;
  }

  /** Fraction of the windows drawn so far that came from domain `d`; NaN before any. */
  share(d: number): number {
    return (this.#drawn[d] ?? 0) / this.#drawn.reduce((sum, windows) => sum + windows, 0);
  }
}
