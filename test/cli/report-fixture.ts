// A run that never was, for tests of the report: four domains whose gaps close at different speeds.
import { keyedNormals } from '#base';
import { type ReportData, type ReportStep, StepSummary } from '../../services/cli/report/index.js';

const names = ['typescript', 'markdown', 'json', 'licences'];
const teacher = [3.1, 8.4, 2.2, 1.9];
const start = [9.8, 17.2, 4.1, 6.3];

export interface FixtureOptions {
  readonly intervals?: number;
  readonly stepsPerInterval?: number;
}

export function reportFixture({ intervals = 6, stepsPerInterval = 50 }: FixtureOptions = {}): ReportData {
  const perplexities = (interval: number) =>
    start.map(
      (from, domain) =>
        teacher[domain]! + (from - teacher[domain]!) * Math.exp(-0.35 * interval * (1 + domain / 5)),
    );
  const measured = Array.from({ length: intervals + 1 }, (_, interval) => {
    const student = perplexities(interval);
    const ratios = student.map((value, domain) => value / teacher[domain]!);
    const total = ratios.reduce((sum, value) => sum + value ** 2, 0);
    const weights =
      interval === 0 ? names.map(() => 1 / names.length) : ratios.map((value) => value ** 2 / total);
    return {
      interval,
      step: interval * stepsPerInterval,
      ratios,
      weights: interval === intervals ? [] : weights,
      studentPerplexity: student,
      teacherPerplexity: teacher,
    };
  });
  const final = perplexities(intervals);
  return {
    name: 'demo-ddk',
    createdAt: '2026-03-01T09:30:00.000Z',
    outcome: `succeeded after ${intervals} intervals`,
    settings: [
      { group: 'Mixture', name: 'policy', value: 'ddk' },
      { group: 'Mixture', name: 'alpha', value: '0.5' },
      { group: 'Objective', name: 'gamma', value: '0.2' },
      { group: 'Objective', name: 'teacher targets', value: 'top 32 of 257, and the tail' },
      { group: 'Training', name: 'sequence length', value: '128' },
      { group: 'Training', name: 'seed', value: '1' },
    ],
    digests: [
      { name: 'corpus', digest: `sha256:${'3f'.repeat(32)}` },
      { name: 'final weights', digest: `sha256:${'a1'.repeat(32)}` },
    ],
    domains: names.map((name, domain) => ({
      name,
      teacherPerplexity: teacher[domain]!,
      startPerplexity: start[domain]!,
      finalPerplexity: final[domain]!,
      trainingShare: [0.3, 0.25, 0.15, 0.3][domain]!,
    })),
    intervals: measured,
    intervalsPlanned: intervals,
    everyNth: 1,
    steps: summaryOf(fixtureSteps({ intervals, stepsPerInterval })),
    arms: [
      { name: 'KD, equal sampling', finalPerplexity: final.map((value, i) => value * (1.02 + 0.03 * i)) },
      {
        name: 'cross-entropy only',
        finalPerplexity: final.map((value, i) => value * (i === 2 ? 0.99 : 1.12)),
      },
    ],
  };
}

export function summaryOf(steps: readonly ReportStep[]): StepSummary {
  const summary = new StepSummary(steps.length);
  for (const step of steps) summary.add(step);
  return summary;
}

export function fixtureSteps({ intervals = 6, stepsPerInterval = 50 }: FixtureOptions = {}): ReportStep[] {
  const noise = keyedNormals(3, 'test/report', intervals * stepsPerInterval + 1, 1);
  return Array.from({ length: intervals * stepsPerInterval }, (_, index) => {
    const progress = index / (intervals * stepsPerInterval);
    const wobble = 0.03 * noise[index]!;
    const ce = 1.1 + 1.3 * Math.exp(-4 * progress) + wobble;
    const kl = 0.25 + 0.9 * Math.exp(-5 * progress) + wobble / 2;
    return {
      step: index + 1,
      loss: ce + 0.2 * kl,
      ce,
      kl,
      gradientNorm: 0.6 + 3 * Math.exp(-8 * progress) + 0.1 * Math.abs(noise[index]!),
      tokensPerSecond: 14_000 + 600 * noise[index]!,
      learningRate: 1e-3 * Math.min(1, (index + 1) / 20) * (0.55 + 0.45 * Math.cos(Math.PI * progress)),
    };
  });
}
