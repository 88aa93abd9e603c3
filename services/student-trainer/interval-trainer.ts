// The training of an interval as a piece of work: claimed, done, told of.
import { IntervalRecord } from '#proto/ddk/v1/types';
import { spans, withSpan } from '#telemetry';
import { doWork, workTeller } from '#work';
import { IntervalTraining, type IntervalWork, type TrainEvent } from './interval-training.js';
import { source, type TrainerParts } from './parts.js';

/** Trains the interval for the attempt named; see `doWork` for how it ends. `tell` hears of every step and commit. */
export function trainInterval(
  work: IntervalWork,
  parts: TrainerParts,
  tell: (event: TrainEvent) => void,
  caller?: AbortSignal,
): Promise<IntervalRecord> {
  const { store, worker, stopping } = parts;
  const others = workTeller({ ...parts, source }, 'train', work);
  const attributes = { 'ddk.run': work.runId, 'ddk.interval': work.interval, 'ddk.attempt': work.attempt };
  return doWork<IntervalRecord>({
    store,
    key: `runs/${work.runId}/train/${work.interval}`,
    codec: IntervalRecord,
    attempt: work.attempt,
    worker,
    signal: caller ?? new AbortController().signal,
    stopping,
    body: (assignment, signal) =>
      withSpan(spans.trainInterval, attributes, () =>
        new IntervalTraining(work, assignment, parts, tell, others).run(signal),
      ),
    tell(record) {
      const { interval, attempt, step, checkpointDigest } = record;
      const value = { interval, attempt, step, checkpointDigest };
      return others.ended(record, { $case: 'intervalTrained', value });
    },
  });
}
