// The records of assigned work: pure functions from the record there is to the one that should be. Compare-and-set on them
// is the fence: only who holds the attempt named in the record can commit to it.
import { EvaluationRecord, ExportRecord, IntervalRecord, WorkState } from '#proto/ddk/v1/types';
import type { Dispatch } from './commands.js';

type Command<K extends Dispatch['kind']> = Extract<Dispatch, { readonly kind: K }>;

/** What all three records have in common. */
export interface WorkRecord {
  readonly attempt: number;
  readonly state: WorkState;
}

const nobody = {
  state: WorkState.ASSIGNED,
  worker: '',
  failure: undefined,
  failureRetryable: false,
} as const;

/**
 * The record that assigns an interval's training, or undefined where the one there is stands: a later attempt, this attempt,
 * or training that is complete (an earlier attempt's is as good: the interval is the same). What an earlier attempt has
 * committed is kept, and the new one continues from there.
 */
export function assignTraining(
  runId: string,
  command: Command<'train'>,
  existing: IntervalRecord | undefined,
): IntervalRecord | undefined {
  if (
    existing !== undefined &&
    (existing.attempt >= command.attempt || existing.state === WorkState.COMPLETE)
  ) {
    return undefined;
  }
  const { interval, attempt, weights, baseCheckpointDigest, firstStep, endStep } = command;
  const begun =
    existing !== undefined &&
    existing.checkpointDigest !== '' &&
    existing.baseCheckpointDigest === baseCheckpointDigest &&
    existing.endStep === endStep;
  const progress = begun
    ? {
        step: existing.step,
        checkpointDigest: existing.checkpointDigest,
        metricsDigest: existing.metricsDigest,
        windowsDrawn: existing.windowsDrawn,
      }
    : { step: firstStep, checkpointDigest: '', metricsDigest: '', windowsDrawn: [] };
  return {
    runId,
    interval,
    attempt,
    weights: [...weights],
    baseCheckpointDigest,
    firstStep,
    endStep,
    ...progress,
    ...nobody,
  };
}

/** The record that assigns a measurement, or undefined where one of this or a later attempt stands. */
export function assignEvaluation(
  runId: string,
  command: Command<'evaluate'>,
  existing: EvaluationRecord | undefined,
): EvaluationRecord | undefined {
  if (existing !== undefined && existing.attempt >= command.attempt) return undefined;
  const { interval, attempt, checkpointDigest } = command;
  return { runId, interval, attempt, checkpointDigest, gaps: [], ...nobody };
}

/** The record that assigns an export, or undefined where one stands: of this or a later attempt, or complete for the same checkpoint. */
export function assignExport(
  runId: string,
  command: Command<'export'>,
  existing: ExportRecord | undefined,
): ExportRecord | undefined {
  const { attempt, checkpointDigest } = command;
  if (existing !== undefined) {
    const done = existing.state === WorkState.COMPLETE && existing.checkpointDigest === checkpointDigest;
    if (existing.attempt >= attempt || done) return undefined;
  }
  return { runId, attempt, checkpointDigest, exportDigest: '', ...nobody };
}

/**
 * The record with its work taken back, or undefined where there is nothing to take back: it is complete, failed or
 * withdrawn already, or of a later attempt. Where there is no record at all one is made, so that a scheduler that is late
 * in assigning this attempt finds it taken back already.
 */
export function withdraw<R extends WorkRecord>(
  attempt: number,
  existing: R | undefined,
  empty: R,
): R | undefined {
  if (existing === undefined) return { ...empty, attempt, state: WorkState.WITHDRAWN };
  if (existing.attempt > attempt || existing.state === WorkState.COMPLETE) return undefined;
  if (existing.attempt === attempt && !isOpen(existing, attempt)) return undefined;
  return { ...existing, attempt, state: WorkState.WITHDRAWN };
}

/** Whether somebody has or should have the attempt: then its item belongs on the queue. */
export function isOpen(record: WorkRecord, attempt: number): boolean {
  return (
    record.attempt === attempt && (record.state === WorkState.ASSIGNED || record.state === WorkState.RUNNING)
  );
}

/** Records to withdraw where there were none. */
export const emptyRecord = {
  evaluate: (runId: string, interval: number): EvaluationRecord =>
    EvaluationRecord.create({ runId, interval }),
  train: (runId: string, interval: number): IntervalRecord => IntervalRecord.create({ runId, interval }),
  export: (runId: string): ExportRecord => ExportRecord.create({ runId }),
};
