// The measuring of an interval's gaps as a piece of work: claimed, done, told of.
import { type Clock, DdkError, failpoint } from '#base';
import type { Bus } from '#bus';
import { WorkKind } from '#proto/ddk/v1/events';
import { EvaluationRecord, Run, WorkState } from '#proto/ddk/v1/types';
import { doWork, publishRunEvent } from '#work';
import { type MeasuringEvent, type MeasuringParts, measureGaps, type Subject } from './measure-gaps.js';

export interface EvaluationParts extends MeasuringParts {
  readonly bus: Bus | undefined;
  readonly clock: Clock;
  /** Identity of this process in records. */
  readonly worker: string;
  /** Aborts when this process is to end. */
  readonly stopping: AbortSignal;
}

export interface EvaluationWork {
  readonly runId: string;
  readonly interval: number;
  readonly attempt: number;
}

const source = 'ddk/domain-evaluator';
const progressEveryMs = 200;

/** Measures for the attempt named; see `doWork` for how it ends. `tell` hears of progress and of every gap. */
export function evaluateInterval(
  work: EvaluationWork,
  parts: EvaluationParts,
  tell: (event: MeasuringEvent) => void,
  caller?: AbortSignal,
): Promise<EvaluationRecord> {
  const { store, worker, stopping } = parts;
  const progress = progressTeller(work, parts);
  return doWork<EvaluationRecord>({
    store,
    key: `runs/${work.runId}/evaluate/${work.interval}`,
    codec: EvaluationRecord,
    attempt: work.attempt,
    worker,
    // An attempt that ends with its process is left for another one, it has not failed.
    signal: caller === undefined ? stopping : AbortSignal.any([caller, stopping]),
    async body(assignment, signal) {
      const subject = await subjectOf(work.runId, assignment.record.checkpointDigest, parts);
      const gaps = await measureGaps(subject, parts, signal, (event) => {
        tell(event);
        progress(event);
      });
      failpoint('evaluator.before_commit');
      await assignment.commit({ gaps, state: WorkState.COMPLETE });
      failpoint('evaluator.after_commit');
    },
    tell: (record) => announce(parts, record),
  });
}

async function subjectOf(
  runId: string,
  checkpointDigest: string,
  { store }: EvaluationParts,
): Promise<Subject> {
  const stored = await store.records.get(`runs/${runId}`);
  if (stored === undefined) throw new DdkError('not_found', `There is no run ${runId}.`);
  const { spec } = Run.decode(stored.value);
  if (spec === undefined) throw new DdkError('data_loss', `The record of run ${runId} has no spec.`);
  const { corpusDigest, studentDigest, teacherFingerprint } = spec;
  return { corpusDigest, studentDigest, teacherFingerprint, checkpointDigest };
}

/** Publishes progress, at most every fifth of a second, and when it is complete. */
function progressTeller(
  { runId, interval }: EvaluationWork,
  { bus, clock, logger }: EvaluationParts,
): (event: MeasuringEvent) => void {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (bus === undefined || event.$case !== 'progress') return;
    const nowMs = clock.monotonicMs();
    const done = event.value.windowsDone === event.value.windowsTotal;
    if (!done && nowMs - toldAtMs < progressEveryMs) return;
    toldAtMs = nowMs;
    const progress = { $case: 'evaluation', value: event.value } as const;
    publishRunEvent(bus, source, runId, { $case: 'progress', value: { interval, progress } }, clock).catch(
      (error: unknown) => {
        // Progress is told as it is; one that is missed is followed by the next.
        logger.debug({ err: error }, 'progress was not told');
      },
    );
  };
}

async function announce({ bus, clock }: EvaluationParts, record: EvaluationRecord): Promise<void> {
  if (bus === undefined) return;
  const { runId, interval, attempt, gaps, failure: reason, failureRetryable: retryable } = record;
  if (record.state === WorkState.COMPLETE) {
    const value = { interval, attempt, gaps };
    await publishRunEvent(bus, source, runId, { $case: 'gapsMeasured', value }, clock);
  } else {
    const value = { work: WorkKind.EVALUATE, interval, attempt, reason, retryable };
    await publishRunEvent(bus, source, runId, { $case: 'workFailed', value }, clock);
  }
}
