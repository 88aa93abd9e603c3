// What the two voices for people share: which of a run's changes are worth a sentence, and the figures of the work in hand.
import { formatDurationMs } from '#base';
import type { RunProgress } from '#proto/ddk/v1/events';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { gapTable, lastMeasured, runLine } from './describe-run.js';
import { Estimate } from './estimate.js';

/** A bar's worth of progress. */
export interface Standing {
  readonly title: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  readonly detail: string;
  readonly leftMs: number | undefined;
}

/** Follows one run: sentences for its changes, a standing for its progress. */
export class Narrator {
  readonly #now: () => number;
  #lastLine = '';
  #tabled = -1;
  #steps = new Estimate();
  #phase = '';

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Sentences that this version of the run adds to what has been said. */
  change(run: Run): string[] {
    const said: string[] = [];
    const measured = lastMeasured(run);
    if (measured && measured.index > this.#tabled) {
      this.#tabled = measured.index;
      said.push(`gaps after ${measured.firstStep} steps:`, gapTable(run));
    }
    const line = runLine(run);
    if (line !== this.#lastLine) said.push(line);
    this.#lastLine = line;
    return said;
  }

  standing(run: Run, progress: RunProgress): Standing | undefined {
    const what = progress.progress;
    if (!what) return undefined;
    const phase = `${what.$case} ${progress.interval}`;
    if (what.$case === 'step') {
      const step = what.value;
      const total = run.intervals[0]
        ? run.intervalsPlanned * (run.spec?.training?.intervalSteps ?? 0)
        : step.step;
      this.#steps.add(this.#now(), step.step);
      this.#phase = phase;
      const kl = step.kl === 0 ? '' : ` kl ${step.kl.toFixed(3)}`;
      const speed = step.durationMs + step.teacherWaitMs;
      return {
        title: 'training',
        done: step.step,
        total,
        unit: 'steps',
        detail: `loss ${step.loss.toFixed(3)} ce ${step.crossEntropy.toFixed(3)}${kl} · ${Math.round((1000 * Number(step.tokens)) / Math.max(speed, 1))} tokens/s`,
        leftMs: this.#steps.leftMs(total),
      };
    }
    if (this.#phase !== phase) this.#phase = phase;
    return {
      title: 'measuring',
      done: Number(what.value.windowsDone),
      total: Number(what.value.windowsTotal),
      unit: 'windows',
      detail: '',
      leftMs: undefined,
    };
  }
}

/** What to say of a run that is over. */
export function farewell(run: Run): string {
  const name = run.spec?.name ?? run.id;
  switch (run.state) {
    case RunState.SUCCEEDED:
      return `${name} succeeded.`;
    case RunState.PAUSED: {
      const why = (run.reason?.message ?? 'no reason given').replace(/\.?$/, '.');
      const next =
        run.reason?.code === 'REQUESTED'
          ? `\`ddk resume ${name}\` continues it.`
          : `\`ddk resume ${name}\` tries again; with other settings, give the spec a new name and \`--from ${name}\`.`;
      return `${name} is paused: ${why} ${next}`;
    }
    default:
      return `${name}: ${runLine(run)}`;
  }
}

export const left = (ms: number | undefined): string =>
  ms === undefined ? '' : `${formatDurationMs(ms)} left`;
