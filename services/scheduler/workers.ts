// Who does the work: an interface, and the queue of the bus behind it.
import type { Bus } from '#bus';
import { enqueueWork } from '#work';
import type { OutstandingRecord } from './work-report.js';

export interface WorkItem {
  readonly work: OutstandingRecord['work'];
  readonly runId: string;
  /** 0 for exports. */
  readonly interval: number;
  readonly attempt: number;
}

export interface Workers {
  /**
   * Whether work that was handed out goes on when this process ends. Where it does not, whatever a starting scheduler finds
   * in somebody's hands is lost and assigned anew.
   */
  readonly outliveScheduler: boolean;
  /** Hands out an item; what becomes of it is told by events and written in its record. */
  dispatch(item: WorkItem): Promise<void>;
  close(): Promise<void>;
}

/** Workers that take from the queues of a bus. One in memory, with its workers in this process, ends with it. */
export function busWorkers(bus: Bus, options: { readonly outliveScheduler: boolean }): Workers {
  return {
    outliveScheduler: options.outliveScheduler,
    dispatch: ({ work, runId, interval, attempt }) => enqueueWork(bus, work, { runId, interval, attempt }),
    close: async () => {},
  };
}
