// How long a run still takes: the steps of all intervals that are left, and the measurements between and after them.
import { type Run, RunState } from '#proto/ddk/v1/types';
import { Estimate } from './estimate.js';

/** Follows one run. Times count only while this process looks on, so that a night in which the run lay still does not. */
export class RunEstimate {
  readonly #now: () => number;
  readonly #steps = new Estimate();
  readonly #windows = new Estimate();
  #measuring: { readonly index: number; readonly sinceMs: number } | undefined;
  /** How long the last measurement took. The first one of a run also scores the teacher, so later ones are told by later ones. */
  #measurementMs: number | undefined;

  /** @param now ms of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The run has changed. */
  change(run: Run): void {
    const before = this.#measuring;
    if (run.state === RunState.MEASURING) {
      if (before?.index === run.interval) return;
      this.#steps.rest();
      this.#measuring = { index: run.interval, sinceMs: this.#now() };
      return;
    }
    this.#measuring = undefined;
    if (run.state === RunState.PAUSED) this.#steps.rest();
    else if (before) this.#measurementMs = this.#now() - before.sinceMs;
  }

  /** `step` steps of the run are applied: what is left of the run. */
  trained(run: Run, step: number): number | undefined {
    this.#steps.add(this.#now(), step);
    return this.#afterSteps(run, step);
  }

  /** A measurement goes on: what is left of it, and of the run with it. */
  measured(
    run: Run,
    windowsDone: number,
    windowsTotal: number,
  ): { readonly leftMs: number | undefined; readonly runLeftMs: number | undefined } {
    const now = this.#now();
    this.#windows.add(now, windowsDone);
    const known = this.#measuring;
    const asBefore =
      this.#measurementMs === undefined || known === undefined
        ? undefined
        : Math.max(0, this.#measurementMs - (now - known.sinceMs));
    const leftMs = this.#windows.leftMs(windowsTotal) ?? asBefore;
    const after = this.#afterSteps(run, run.intervals.at(-1)?.endStep ?? 0);
    return { leftMs, runLeftMs: leftMs === undefined || after === undefined ? undefined : leftMs + after };
  }

  #afterSteps(run: Run, step: number): number | undefined {
    const trainingMs = this.#steps.leftMs(stepsPlanned(run), step);
    if (trainingMs === undefined) return undefined;
    const measurements = Math.max(0, run.intervalsPlanned - run.interval);
    return trainingMs + measurements * (this.#measurementMs ?? 0);
  }
}

/** Steps of all intervals of a run. */
export function stepsPlanned(run: Run): number {
  return run.intervalsPlanned * (run.spec?.training?.intervalSteps ?? 0);
}
