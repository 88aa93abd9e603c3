// What a report tells of a run's steps, added up as they are read: they may be more than memory holds.
import { Buckets, type Point } from './downsample.js';

export interface ReportStep {
  /** Counted from 1. */
  readonly step: number;
  readonly loss: number;
  /** Cross-entropy, nats a position. */
  readonly ce: number;
  /** Divergence from the teacher, nats a position; NaN where no teacher was asked. */
  readonly kl: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly tokensPerSecond: number;
  readonly learningRate: number;
}

/** What is known of every step. */
export type StepFigure = Exclude<keyof ReportStep, 'step'>;

/** Points a line: as many as columns of pixels that can be told apart. */
const maxPoints = 250;
/** Rows of the table behind the plots over steps. */
const maxRows = 40;

interface Series {
  readonly line: Buckets;
  readonly rows: Buckets;
  readonly whole: Buckets;
}

export class StepSummary {
  /** Steps in a row of the table. */
  readonly stepsPerRow: number;
  readonly #series: Readonly<Record<StepFigure, Series>>;
  #first: ReportStep | undefined;
  #last: ReportStep | undefined;

  /** @param count how many steps will be added */
  constructor(count: number) {
    const series = (): Series => ({
      line: new Buckets(count, maxPoints),
      rows: new Buckets(count, maxRows),
      whole: new Buckets(count, 1),
    });
    this.#series = {
      loss: series(),
      ce: series(),
      kl: series(),
      gradientNorm: series(),
      tokensPerSecond: series(),
      learningRate: series(),
    };
    this.stepsPerRow = this.#series.loss.rows.size;
  }

  /** Steps come in order. */
  add(step: ReportStep): void {
    this.#first ??= step;
    this.#last = step;
    for (const [figure, { line, rows, whole }] of Object.entries(this.#series)) {
      const value = step[figure as StepFigure];
      line.add(step.step, value);
      rows.add(step.step, value);
      whole.add(step.step, value);
    }
  }

  /** Undefined where nothing was trained. */
  get first(): ReportStep | undefined {
    return this.#first;
  }

  get last(): ReportStep | undefined {
    return this.#last;
  }

  /** The line of a plot. */
  line(figure: StepFigure): Point[] {
    return this.#series[figure].line.points;
  }

  /** Means of `stepsPerRow` steps each, with the last of these. */
  rows(): ReportStep[] {
    const means = (figure: StepFigure): readonly number[] => this.#series[figure].rows.all.map(({ y }) => y);
    const [loss, ce, kl] = [means('loss'), means('ce'), means('kl')];
    const [norm, speed, rate] = [means('gradientNorm'), means('tokensPerSecond'), means('learningRate')];
    return this.#series.loss.rows.all.map(({ lastX }, i) => ({
      step: lastX,
      loss: loss[i]!,
      ce: ce[i]!,
      kl: kl[i]!,
      gradientNorm: norm[i]!,
      tokensPerSecond: speed[i]!,
      learningRate: rate[i]!,
    }));
  }

  /** Of all steps; NaN where it is known of none. */
  mean(figure: StepFigure): number {
    return this.#series[figure].whole.all[0]?.y ?? Number.NaN;
  }

  /** Of all steps; not finite where it is known of none. */
  highest(figure: StepFigure): number {
    return this.#series[figure].whole.all[0]?.high ?? Number.NaN;
  }
}
