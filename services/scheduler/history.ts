// A run's history: final intervals in records of their own, `runs/<id>/intervals/<index>`, and the latest ones in the run's.
import { DdkError } from '#base';
import { Interval } from '#proto/ddk/v1/types';
import { isConflict, type RecordStore } from '#store';

export const intervalKey = (runId: string, index: number): string => `runs/${runId}/intervals/${index}`;

/**
 * Keeps final intervals of a run's committed record. Whoever does it writes the same bytes, so one that is there already
 * stands: by another scheduler, or by one that ended before it could save the run.
 */
export async function archiveIntervals(
  records: RecordStore,
  runId: string,
  intervals: readonly Interval[],
): Promise<void> {
  for (const interval of intervals) {
    try {
      await records.create(intervalKey(runId, interval.index), Interval.encode(interval).finish());
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

/**
 * Every interval of a run from index `from` on, in order: those before the latest from their records, then the latest as
 * `run` has them. One that is missing or damaged is left out where `onLost` is told of it, and otherwise ends the reading:
 * DdkError data_loss, which names the record.
 */
export async function* readIntervals(
  records: RecordStore,
  run: { readonly id: string; readonly intervals: readonly Interval[] },
  from = 0,
  onLost?: (error: DdkError) => void,
): AsyncGenerator<Interval> {
  const first = run.intervals[0]?.index ?? 0;
  for (let index = from; index < first; index++) {
    const interval = await archivedInterval(records, run.id, index).catch((thrown: unknown) => {
      const error = DdkError.from(thrown);
      if (onLost === undefined || error.code !== 'data_loss') throw error;
      onLost(error);
      return undefined;
    });
    if (interval) yield interval;
  }
  for (const interval of run.intervals) if (interval.index >= from) yield interval;
}

async function archivedInterval(records: RecordStore, runId: string, index: number): Promise<Interval> {
  const key = intervalKey(runId, index);
  const stored = await records.get(key);
  if (stored === undefined)
    throw new DdkError('data_loss', `The record ${key} of a run's history is missing.`);
  try {
    return Interval.decode(stored.value);
  } catch (cause) {
    throw new DdkError('data_loss', `The record ${key} of a run's history is damaged.`, { cause });
  }
}
