// The training of an interval as a piece of work: claimed, done, told of.
import { WorkKind } from '#proto/ddk/v1/events';
import { IntervalRecord, WorkState } from '#proto/ddk/v1/types';
import { spans, withSpan } from '#telemetry';
import { doWork, publishRunEvent } from '#work';
import { IntervalTraining, type IntervalWork, type TrainEvent } from './interval-training.js';
import { source, type TrainerParts } from './parts.js';

/** Trains the interval for the attempt named; see `doWork` for how it ends. `tell` hears of every step and commit. */
export function trainInterval(
  work: IntervalWork,
  parts: TrainerParts,
  tell: (event: TrainEvent) => void,
  caller?: AbortSignal,
): Promise<IntervalRecord> {
  const { store, worker } = parts;
  const attributes = { 'ddk.run': work.runId, 'ddk.interval': work.interval, 'ddk.attempt': work.attempt };
  return doWork<IntervalRecord>({
    store,
    key: `runs/${work.runId}/train/${work.interval}`,
    codec: IntervalRecord,
    attempt: work.attempt,
    worker,
    signal: caller ?? new AbortController().signal,
    body: (assignment, signal) =>
      withSpan(spans.trainInterval, attributes, () =>
        new IntervalTraining(work, assignment, parts, tell).run(signal),
      ),
    tell: (record) => announce(parts, record),
  });
}

async function announce({ bus, clock }: TrainerParts, record: IntervalRecord): Promise<void> {
  if (!bus) return;
  const { runId, interval, attempt, step, checkpointDigest, failure: reason, failureRetryable } = record;
  if (record.state === WorkState.COMPLETE) {
    const value = { interval, attempt, step, checkpointDigest };
    await publishRunEvent(bus, source, runId, { $case: 'intervalTrained', value }, clock);
  } else {
    const value = { work: WorkKind.TRAIN, interval, attempt, reason, retryable: failureRetryable };
    await publishRunEvent(bus, source, runId, { $case: 'workFailed', value }, clock);
  }
}
