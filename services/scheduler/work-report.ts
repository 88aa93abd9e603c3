// What the record of the outstanding work says has become of it. Pure: records are the truth, events only hints to look.
import {
  type EvaluationRecord,
  type ExportRecord,
  type IntervalRecord,
  type Reason,
  WorkState,
} from '#proto/ddk/v1/types';
import type { WorkReport } from './events.js';
import type { RunState } from './run-state.js';

/** The record of the work that a state has outstanding. */
export type OutstandingRecord =
  | { readonly work: 'evaluate'; readonly record: EvaluationRecord }
  | { readonly work: 'train'; readonly record: IntervalRecord }
  | { readonly work: 'export'; readonly record: ExportRecord };

/** Which kind of record a state waits for; undefined where it waits for none. */
export function outstandingWork(state: RunState): OutstandingRecord['work'] | undefined {
  switch (state.phase.kind) {
    case 'measuring':
      return 'evaluate';
    case 'training':
      return 'train';
    case 'exporting':
      return 'export';
    case 'preparing':
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return undefined;
  }
}

/**
 * The report for the machine, or undefined while there is nothing to report. Complete training and a complete export count
 * under whichever attempt they were done: there is one record, and it can be completed only once. A measurement counts for
 * its own attempt, so that a run which was paused over one measures again.
 */
export function reportOf(state: RunState, found: OutstandingRecord, atMs: number): WorkReport | undefined {
  const { attempt, interval } = state;
  const { record } = found;
  if (record.state === WorkState.FAILED && record.attempt === attempt)
    return failureOf(
      state,
      found,
      record.failure ?? { code: 'WORK_FAILED', message: 'The worker gave no reason.' },
      record.failureRetryable,
      atMs,
    );
  if (record.state !== WorkState.COMPLETE) return undefined;
  switch (found.work) {
    case 'evaluate':
      return record.attempt === attempt
        ? { kind: 'gaps_measured', interval, attempt, gaps: found.record.gaps, atMs }
        : undefined;
    case 'train': {
      const { step, checkpointDigest, metricsDigest, windowsDrawn, baseCheckpointDigest } = found.record;
      return baseCheckpointDigest === state.checkpointDigest
        ? {
            kind: 'interval_trained',
            interval,
            attempt,
            step,
            checkpointDigest,
            metricsDigest,
            windowsDrawn,
            atMs,
          }
        : undefined;
    }
    case 'export':
      return found.record.checkpointDigest === state.checkpointDigest
        ? { kind: 'export_done', attempt, exportDigest: found.record.exportDigest, atMs }
        : undefined;
  }
}

/** The report that the outstanding attempt has failed. */
export function failureOf(
  { interval, attempt }: RunState,
  { work, record }: OutstandingRecord,
  reason: Reason,
  retryable: boolean,
  atMs: number,
): WorkReport {
  const step = 'step' in record ? record.step : 0;
  return { kind: 'work_failed', work, interval, attempt, reason, retryable, step, atMs };
}
