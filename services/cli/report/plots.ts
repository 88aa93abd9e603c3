// Which plots a report has, and what each is made of.
import { type Line, linePlot } from './line-plot.js';
import { mixturePlot } from './mixture-plot.js';
import { atStep, measured, ratio, share } from './numbers.js';
import type { Plot } from './plot.js';
import type { ReportData, ReportInterval } from './report-data.js';
import type { StepFigure } from './step-summary.js';

/** The plots over intervals. */
export function intervalPlots(data: ReportData): Plot[] {
  return [
    ratioPlot(data),
    ...(data.intervals.some(({ weights }) => weights.length > 0) ? [mixture(data)] : []),
  ];
}

/** The plots over steps; none where nothing was trained. */
export function stepPlots({ steps, intervals }: ReportData): Plot[] {
  const { first, last } = steps;
  if (first === undefined || last === undefined) return [];
  const boundaries = intervals.slice(1).map(({ step }) => step);
  const losses: readonly Line[] = [
    { name: 'loss', points: steps.line('loss'), colour: 0 },
    { name: 'cross-entropy', points: steps.line('ce'), colour: 1 },
    { name: 'divergence', points: steps.line('kl'), colour: 2 },
  ].filter(({ points }) => points.length > 0);
  const one = (figure: StepFigure): readonly Line[] => [{ name: '', points: steps.line(figure), colour: 0 }];
  const shared = { boundaries, dots: false, endLabels: false } as const;
  return [
    {
      key: 'losses',
      title: 'Losses',
      description: `Loss, cross-entropy and divergence from the teacher by step. The loss went from ${measured(first.loss)} to ${measured(last.loss)} nats a position.`,
      spec: linePlot({ ...shared, lines: losses, yTitle: 'nats a position', yFormat: '~g', endLabels: true }),
    },
    {
      key: 'throughput',
      title: 'Throughput',
      description: `Training positions a second by step, ${measured(steps.mean('tokensPerSecond'))} on average.`,
      spec: linePlot({
        ...shared,
        lines: one('tokensPerSecond'),
        yTitle: 'tokens a second',
        yFormat: '~s',
        include: [0],
      }),
    },
    {
      key: 'gradient-norm',
      title: 'Gradient norm',
      description: `Norm of the gradient before clipping by step, ${measured(steps.mean('gradientNorm'))} on average.`,
      spec: linePlot({
        ...shared,
        lines: one('gradientNorm'),
        yTitle: 'norm before clipping',
        yFormat: '~g',
      }),
    },
    {
      key: 'learning-rate',
      title: 'Learning rate',
      description: `Learning rate by step, at most ${measured(steps.highest('learningRate'))}.`,
      spec: linePlot({
        ...shared,
        lines: one('learningRate'),
        yTitle: 'learning rate',
        yFormat: '~g',
        include: [0],
      }),
    },
  ];
}

function ratioPlot({ domains, intervals }: ReportData): Plot {
  const lines = domains.map((domain, index): Line => {
    const points = intervals.flatMap(({ step, ratios }) => {
      const y = ratios[index] ?? Number.NaN;
      return Number.isFinite(y) ? [{ x: step, y, low: y, high: y }] : [];
    });
    return { name: domain.name, points, colour: index };
  });
  return {
    key: 'ratios',
    title: 'Perplexity ratio by domain',
    description: `The student's perplexity over the teacher's on held-out text, measured before each interval; 1 is the teacher. ${extremes(intervals)}`,
    spec: linePlot({
      lines,
      yTitle: 'student / teacher',
      yFormat: '~g',
      boundaries: [],
      reference: { value: 1, name: 'teacher' },
      dots: true,
      endLabels: true,
    }),
  };
}

function extremes(intervals: readonly ReportInterval[]): string {
  const worst = (interval: ReportInterval | undefined) =>
    Math.max(...(interval?.ratios.filter(Number.isFinite) ?? []));
  const [first, last] = [intervals[0], intervals.at(-1)];
  const [from, to] = [worst(first), worst(last)];
  if (first && first === last)
    return Number.isFinite(from) ? `The widest gap was ${ratio(from)} ${atStep(first.step)}.` : '';
  return Number.isFinite(from) && Number.isFinite(to)
    ? `The widest gap went from ${ratio(from)} to ${ratio(to)}.`
    : '';
}

function mixture({ domains, intervals, steps }: ReportData): Plot {
  const lastStep = steps.last?.step ?? intervals.at(-1)?.step ?? 0;
  const planned = intervals.filter(({ weights }) => weights.length > 0);
  const weights = planned.at(-1)?.weights ?? [];
  const largest = weights.reduce((best, weight, index) => (weight > (weights[best] ?? 0) ? index : best), 0);
  const name = domains[largest]?.name ?? '';
  return {
    key: 'mixture',
    title: 'Mixture',
    description: `Sampling weights of the domains by interval. In the last one the largest share, ${share(weights[largest] ?? Number.NaN)}, went to ${name}.`,
    spec: mixturePlot(intervals, lastStep),
  };
}
