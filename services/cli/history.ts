// A run's intervals from its first: those that its record no longer has are read where the run is kept.
import { DdkError } from '#base';
import type { Interval, Run } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { readIntervals } from '../scheduler/history.js';
import type { SchedulerClient } from './embedded.js';

/** Every interval that this version of a run knows of, in order, from index `from` on. */
export type History = (run: Run, from?: number) => AsyncIterable<Interval>;

/** Of runs in a store. */
export function storedHistory({ records }: Store): History {
  return (run, from = 0) => readIntervals(records, run, from);
}

/** Of runs at a scheduler, which is asked for no more than what `run` does not have itself. */
export function servedHistory(scheduler: SchedulerClient, signal: AbortSignal): History {
  return async function* history(run, from = 0) {
    const first = run.intervals[0]?.index ?? 0;
    for (let next = from; next < first; ) {
      const request = { run: run.id, pageSize: 0, pageToken: '', firstIndex: next };
      const { intervals } = await scheduler.listIntervals(request, { signal });
      if (intervals.length === 0)
        throw new DdkError('data_loss', `The scheduler has no interval ${next} of the run ${run.id}.`);
      for (const interval of intervals) if (interval.index < first) yield interval;
      next += intervals.length;
    }
    for (const interval of run.intervals) if (interval.index >= from) yield interval;
  };
}
