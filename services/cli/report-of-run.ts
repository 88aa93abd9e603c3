// A run as the report takes it.

import type { Interval, Run, StepMetrics } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { readIntervals } from '../scheduler/history.js';
import { lastMeasured, runLine } from './display/describe-run.js';
import { RunPast } from './display/run-past.js';
import {
  type ComparisonArm,
  type ReportData,
  type ReportInterval,
  type ReportStep,
  StepSummary,
} from './report/index.js';
import { originRows } from './report-origins.js';
import { settingRows } from './report-settings.js';
import { stepMetrics, trainingInHand } from './run-records.js';
import type { Spec } from './spec/schema.js';

const ppl = (loss: number | undefined): number => (loss === undefined ? Number.NaN : Math.exp(loss));

/**
 * @param arms other runs over the same domains
 * @param saved the spec that the run was started with, where it is still there
 */
export async function reportData(
  store: Store,
  run: Run,
  arms: readonly Run[],
  saved?: Spec,
): Promise<ReportData> {
  const last = lastMeasured(run);
  const measuredAtStep = stepOfUnfinished(run);
  const { past, intervals, planned, everyNth } = await intervalsOf(store, run);
  return {
    name: run.spec?.name ?? run.id,
    createdAt: run.createdAt?.toISOString() ?? '',
    outcome: runLine(run),
    settings: await settingRows(store.artifacts, run, saved),
    digests: await originRows(store, run),
    domains: run.domains.map((domain, d) => ({
      name: domain.name,
      teacherPerplexity: ppl(last?.gaps[d]?.teacherLoss),
      startPerplexity: ppl(past.start[d]?.studentLoss),
      finalPerplexity: ppl(last?.gaps[d]?.studentLoss),
      trainingShare: past.share(d),
    })),
    ...(measuredAtStep !== undefined && { measuredAtStep }),
    intervals,
    intervalsPlanned: planned,
    everyNth,
    steps: await stepsOf(store, run),
    arms: arms.map(comparisonArm),
  };
}

function comparisonArm(run: Run): ComparisonArm {
  const last = lastMeasured(run);
  const measuredAtStep = stepOfUnfinished(run);
  return {
    name: run.spec?.name ?? run.id,
    ...(measuredAtStep !== undefined && { measuredAtStep }),
    finalPerplexity: run.domains.map((_, d) => ppl(last?.gaps[d]?.studentLoss)),
  };
}

/** The step of the last measurement; undefined where that came after all training, and before any measurement. */
function stepOfUnfinished(run: Run): number | undefined {
  const last = lastMeasured(run);
  return last && last.index < run.intervalsPlanned ? last.firstStep : undefined;
}

/** Numbers of intervals and domains that a page can show; of longer histories every so many intervals are left out. */
const mostCells = 20_000;

interface History {
  readonly past: RunPast;
  readonly intervals: readonly ReportInterval[];
  /** Intervals that were given a mixture. */
  readonly planned: number;
  readonly everyNth: number;
}

async function intervalsOf(store: Store, run: Run): Promise<History> {
  const last = run.intervals.at(-1)?.index ?? 0;
  const everyNth = Math.max(1, Math.ceil(((last + 1) * run.domains.length) / mostCells));
  const past = new RunPast();
  const intervals: ReportInterval[] = [];
  let planned = 0;
  for await (const interval of readIntervals(store.records, run)) {
    past.add(interval);
    if (interval.weights.length > 0) planned += 1;
    const shown = interval.index % everyNth === 0 || interval.index === last;
    if (shown && interval.gaps.length > 0) intervals.push(reportInterval(interval));
  }
  const inHand = await trainingInHand(store, run);
  if (inHand) past.addInHand(inHand);
  return { past, intervals, planned, everyNth };
}

function reportInterval({ index, firstStep, gaps, weights }: Interval): ReportInterval {
  return {
    interval: index,
    step: firstStep,
    ratios: gaps.map((g) => g.ratio),
    weights,
    studentPerplexity: gaps.map((g) => ppl(g.studentLoss)),
    teacherPerplexity: gaps.map((g) => ppl(g.teacherLoss)),
  };
}

async function stepsOf(store: Store, run: Run): Promise<StepSummary> {
  const steps = await stepMetrics(store, run);
  const asked = (run.spec?.objective?.gamma ?? 0) > 0;
  const summary = new StepSummary(steps.count);
  for await (const step of steps) summary.add(reportStep(step, asked));
  return summary;
}

function reportStep(s: StepMetrics, asked: boolean): ReportStep {
  return {
    step: s.step,
    loss: s.loss,
    ce: s.crossEntropy,
    kl: asked ? s.kl : Number.NaN,
    gradientNorm: s.gradientNorm,
    tokensPerSecond: (1000 * Number(s.tokens)) / (s.durationMs + s.teacherWaitMs),
    learningRate: s.learningRate,
  };
}
