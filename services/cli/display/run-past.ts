// What tables tell of a run's past: added up from its intervals, so that they need not be kept.
import { DdkError } from '#base';
import type { DomainGap, Interval, IntervalRecord, Run } from '#proto/ddk/v1/types';
import type { History } from '../history.js';

export class RunPast {
  #start: readonly DomainGap[] = [];
  #trained = 0;
  #lost = false;
  readonly #drawn: number[] = [];

  /**
   * Takes in what happened up to this version of a run; only what is new since the last one is read. Where a part of it is
   * lost, `warn` is told once and shares are not known any more; without `warn` that is DdkError data_loss.
   */
  async follow(run: Run, history: History, warn?: (text: string) => void): Promise<this> {
    if (this.#lost) return this;
    try {
      for await (const interval of history(run, this.#trained)) this.add(interval);
    } catch (thrown) {
      const error = DdkError.from(thrown);
      if (warn === undefined || error.code !== 'data_loss') throw thrown;
      this.#lost = true;
      warn(`${error.message} Tables are shown without shares of training.`);
    }
    return this;
  }

  /** Intervals come in order. One that is being trained counts once it comes again and is done. */
  add(interval: Interval): void {
    if (interval.index === 0) this.#start = interval.gaps;
    if (interval.index !== this.#trained || interval.checkpointDigest === '') return;
    this.#trained += 1;
    this.#draw(interval.windowsDrawn);
  }

  /** Counts what is committed of the interval in hand, after all intervals before it. Nothing can be added after that. */
  addInHand({ interval, windowsDrawn }: IntervalRecord): void {
    if (interval === this.#trained) this.#draw(windowsDrawn);
  }

  #draw(windowsByDomain: readonly bigint[]): void {
    for (const [domain, windows] of windowsByDomain.entries())
      this.#drawn[domain] = (this.#drawn[domain] ?? 0) + Number(windows);
  }

  /** The gaps before anything was trained; empty until they are measured. */
  get start(): readonly DomainGap[] {
    return this.#start;
  }

  /** Fraction of the windows drawn so far that came from domain `d`; NaN before any, and where it is not known. */
  share(d: number): number {
    if (this.#lost) return Number.NaN;
    return (this.#drawn[d] ?? 0) / this.#drawn.reduce((sum, windows) => sum + windows, 0);
  }
}
