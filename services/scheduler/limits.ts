// What a run may come to at most: intervals and steps in all, and records that hold all of its domains.
import { invalidArgument } from '#base';
import {
  type Domain,
  EvaluationRecord,
  Interval,
  IntervalRecord,
  type Reason,
  Run,
  type RunSpec,
} from '#proto/ddk/v1/types';
import { maxRecordBytes } from '#store';
import { intervalSteps, type RunState } from './run-state.js';

/** Of the spec and every extension together. */
export const mostIntervals = 100_000;
/** What a step counts to in every message and program. */
export const mostSteps = 2 ** 31 - 1;
/** UTF-16 units of a reason's message; what is longer is cut. */
const longestReason = 4_000;

/** Why a run cannot have so many further intervals, after the name of the field; undefined where it can. */
export function extensionProblem(state: RunState, intervals: number): string | undefined {
  const { intervalsPlanned } = state;
  const steps = Math.max(intervalSteps(state), 1);
  const most = Math.max(0, Math.min(mostIntervals, Math.floor(mostSteps / steps)) - intervalsPlanned);
  if (intervals <= most) return undefined;
  return (
    `must be at most ${most} for this run, which has ${intervalsPlanned} intervals of ${steps} steps, but is ${intervals}; ` +
    `a run has at most ${mostIntervals} intervals and ${mostSteps} steps`
  );
}

/** Throws DdkError invalid_argument for more further intervals than a run can have. */
export function requireExtension(state: RunState, intervals: number): void {
  const description = extensionProblem(state, intervals);
  if (description !== undefined) throw invalidArgument([{ field: 'extend_by_intervals', description }]);
}

export function boundedReason({ code, message }: Reason): Reason {
  return message.length <= longestReason
    ? { code, message }
    : { code, message: `${message.slice(0, longestReason - 1)}…` };
}

/** Why no record could hold a run over these domains, after the name of the field; undefined where all of its can. */
export function domainsProblem(spec: RunSpec, domains: readonly Domain[]): string | undefined {
  const bytes = largestRecordBytes(spec, domains);
  if (bytes <= maxRecordBytes) return undefined;
  return `has ${domains.length} domains, which make records of up to ${bytes} bytes where ${maxRecordBytes} are possible; take fewer domains or shorter names`;
}

/** Bytes of the largest record that a run of a spec can come to, every number as long as it gets. */
export function largestRecordBytes(spec: RunSpec, domains: readonly Domain[]): number {
  const count = 2 ** 32 - 1;
  const long = 2n ** 64n - 1n;
  const digest = `sha256:${'f'.repeat(64)}`;
  const identity = 'x'.repeat(1000);
  const reason: Reason = { code: identity, message: '\uffff'.repeat(longestReason) };
  const shares = domains.map(() => 1);
  const drawn = domains.map(() => long);
  const time = new Date(8.64e15);
  const gaps = domains.map(({ name }) => ({
    domainId: count,
    domain: name,
    studentLoss: 1,
    teacherLoss: 1,
    ratio: 1,
    positions: long,
  }));
  const work = {
    runId: identity,
    interval: count,
    attempt: count,
    state: 1,
    worker: identity,
    checkpointDigest: digest,
    failure: reason,
    failureRetryable: true,
  } as const;
  const interval: Interval = {
    index: count,
    baseCheckpointDigest: digest,
    gaps,
    weights: shares,
    factors: shares,
    firstStep: count,
    endStep: count,
    checkpointDigest: digest,
    metricsDigest: digest,
    windowsDrawn: drawn,
    measuredAt: time,
    trainedAt: time,
  };
  const run: Run = {
    id: identity,
    requestId: identity,
    spec,
    domains: domains.map(({ name }) => ({
      id: count,
      name,
      trainTokens: long,
      trainWindows: long,
      validationSamples: count,
    })),
    state: 1,
    pausedFrom: 1,
    reason,
    interval: count,
    attempt: count,
    intervalsPlanned: count,
    intervals: [interval, interval],
    checkpointDigest: digest,
    bestCheckpointDigest: digest,
    bestLoss: 1,
    exportDigest: digest,
    createdAt: time,
    updatedAt: time,
    revision: long,
    failures: count,
    failedAtStep: count,
  };
  const training: IntervalRecord = {
    ...work,
    weights: shares,
    baseCheckpointDigest: digest,
    firstStep: count,
    endStep: count,
    step: count,
    metricsDigest: digest,
    windowsDrawn: drawn,
  };
  return Math.max(
    Run.encode(run).finish().length,
    Interval.encode(interval).finish().length,
    IntervalRecord.encode(training).finish().length,
    EvaluationRecord.encode({ ...work, gaps }).finish().length,
  );
}
