// A run as the scheduler would report it, for what shows runs.
import { Interval, Run, RunSpec, RunState } from '#proto/ddk/v1/types';
import { RunPast } from '../../services/cli/display/run-past.js';

export const domainNames = ['code', 'prose'] as const;

/** An interval that was measured with these ratios. */
export function measuredInterval(index: number, ratios: readonly number[]): Interval {
  return Interval.fromPartial({
    index,
    firstStep: 10 * index,
    endStep: 10 * (index + 1),
    weights: ratios.map(() => 1 / ratios.length),
    gaps: ratios.map((ratio, domainId) => ({
      domainId,
      domain: domainNames[domainId] ?? `domain-${domainId}`,
      studentLoss: 2 + Math.log(ratio),
      teacherLoss: 2,
      ratio,
      positions: 100n,
    })),
  });
}

/** A run of three intervals of ten steps; fields given replace its own. */
export function sampleRun(fields: Partial<Run> = {}): Run {
  const spec = RunSpec.fromPartial({
    name: 'sample',
    baseCheckpointDigest: 'sha256:base',
    training: { intervals: 3, intervalSteps: 10, batchSize: 4, microBatches: 1 },
  });
  const domains = domainNames.map((name, id) => ({
    id,
    name,
    trainTokens: 1000n,
    trainWindows: 10n,
    validationSamples: 3,
  }));
  const run = Run.fromPartial({
    id: 'r-1',
    spec,
    domains,
    state: RunState.TRAINING,
    intervalsPlanned: 3,
    checkpointDigest: 'sha256:base',
  });
  return { ...run, ...fields };
}

/** What went before, of a run that has all of its intervals itself. */
export function pastOf(run: Run): RunPast {
  const past = new RunPast();
  for (const interval of run.intervals) past.add(interval);
  return past;
}
