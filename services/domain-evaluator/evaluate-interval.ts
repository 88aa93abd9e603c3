// The measuring of an interval's gaps as a piece of work: claimed, done, told of.
import { type Clock, failpoint } from '#base';
import type { Bus } from '#bus';
import { EvaluationRecord, WorkState } from '#proto/ddk/v1/types';
import { doWork, readRunSpec, workTeller } from '#work';
import { type MeasuringEvent, type MeasuringParts, measureGaps } from './measure-gaps.js';

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

/** Measures for the attempt named; see `doWork` for how it ends. `tell` hears of progress and of every gap. */
export function evaluateInterval(
  work: EvaluationWork,
  parts: EvaluationParts,
  tell: (event: MeasuringEvent) => void,
  caller?: AbortSignal,
): Promise<EvaluationRecord> {
  const { store, worker, stopping } = parts;
  const others = workTeller({ ...parts, source }, 'evaluate', work);
  return doWork<EvaluationRecord>({
    store,
    key: `runs/${work.runId}/evaluate/${work.interval}`,
    codec: EvaluationRecord,
    attempt: work.attempt,
    worker,
    // An attempt that ends with its process is left for another one, it has not failed.
    signal: caller === undefined ? stopping : AbortSignal.any([caller, stopping]),
    async body(assignment, signal) {
      const { corpusDigest, studentDigest, teacherFingerprint } = await readRunSpec(store, work.runId);
      const { checkpointDigest } = assignment.record;
      const subject = { corpusDigest, studentDigest, checkpointDigest, teacherFingerprint };
      const gaps = await measureGaps(subject, parts, signal, (event) => {
        tell(event);
        if (event.$case === 'progress') {
          const { windowsDone, windowsTotal } = event.value;
          others.progress({ $case: 'evaluation', value: event.value }, windowsDone === windowsTotal);
        }
      });
      failpoint('evaluator.before_commit');
      await assignment.commit({ gaps, state: WorkState.COMPLETE });
      failpoint('evaluator.after_commit');
    },
    tell(record) {
      const { interval, attempt, gaps } = record;
      return others.ended(record, { $case: 'gapsMeasured', value: { interval, attempt, gaps } });
    },
  });
}
