// What the two voices for people share: which of a run's changes are worth a sentence, and the figures of the work in hand.
import { formatCount, formatDurationMs } from '#base';
import type { RunProgress } from '#proto/ddk/v1/events';
import type { Run } from '#proto/ddk/v1/types';
import { gapTable, lastMeasured, runLine } from './describe-run.js';
import { RunEstimate, stepsPlanned } from './run-estimate.js';
import type { RunPast } from './run-past.js';

/** A bar's worth of progress. */
export interface Standing {
  readonly title: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** What is left, in words; empty while nothing can be said. */
  readonly left: string;
  /** Further figures, the most telling one first. */
  readonly details: readonly string[];
}

/** Follows one run: sentences for its changes, a standing for its progress. */
export class Narrator {
  readonly #estimate: RunEstimate;
  #lastLine = '';
  #tabled = -1;

  constructor(now: () => number) {
    this.#estimate = new RunEstimate(now);
  }

  /** Sentences that this version of the run adds to what has been said. */
  change(run: Run, past: RunPast): string[] {
    this.#estimate.change(run);
    const said: string[] = [];
    const measured = lastMeasured(run);
    if (measured && measured.index > this.#tabled) {
      this.#tabled = measured.index;
      said.push(`gaps after ${measured.firstStep} steps:`, gapTable(run, past));
    }
    const line = runLine(run);
    if (line !== this.#lastLine) said.push(line);
    this.#lastLine = line;
    return said;
  }

  /** What is to be warned of. */
  notice({ progress }: RunProgress): string | undefined {
    return progress?.$case === 'notice' ? progress.value : undefined;
  }

  standing(run: Run, { progress }: RunProgress): Standing | undefined {
    switch (progress?.$case) {
      case undefined:
      case 'notice':
        return undefined;
      case 'step': {
        const { step, loss, crossEntropy, kl, tokens, durationMs, teacherWaitMs } = progress.value;
        const speed = (1000 * Number(tokens)) / Math.max(durationMs + teacherWaitMs, 1);
        const parts = [`loss ${loss.toFixed(3)}`, `ce ${crossEntropy.toFixed(3)}`];
        if (kl !== 0) parts.push(`kl ${kl.toFixed(3)}`);
        return {
          title: 'training',
          done: step,
          total: stepsPlanned(run),
          unit: 'steps',
          left: left(this.#estimate.trained(run, step)),
          details: [parts.join(' '), `${formatCount(Math.round(speed))} tokens/s`],
        };
      }
      case 'evaluation': {
        const done = Number(progress.value.windowsDone);
        const total = Number(progress.value.windowsTotal);
        const { leftMs, runLeftMs } = this.#estimate.measured(run, done, total);
        return {
          title: 'measuring',
          done,
          total,
          unit: 'windows',
          left: left(leftMs),
          details: runLeftMs === undefined ? [] : [`${left(runLeftMs)} in all`],
        };
      }
    }
  }
}

/** `12 s left`; empty where it is unknown. */
export function left(ms: number | undefined): string {
  if (ms === undefined) return '';
  return `${ms < 59_000 ? `${Math.ceil(ms / 1000)} s` : formatDurationMs(ms)} left`;
}
