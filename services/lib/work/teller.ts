// What a worker tells of a piece of work: where it stands, and how it ended.
import type { Clock, Logger } from '#base';
import type { Bus } from '#bus';
import type { RunProgress } from '#proto/ddk/v1/events';
import { WorkState } from '#proto/ddk/v1/types';
import type { WorkRecord } from './assignment.js';
import { type Work, workKinds } from './queue.js';
import { type Kind, publishRunEvent } from './run-events.js';

export interface TellerOptions {
  /** Without one nobody is told. */
  readonly bus: Bus | undefined;
  /** The service that tells. */
  readonly source: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The item that the work was asked for by; its interval is 0 for exports. */
export interface WorkName {
  readonly runId: string;
  readonly interval: number;
}

export interface WorkTeller {
  /** Where the work stands: told at most every fifth of a second, the last of it always. Never waits and never fails. */
  progress(progress: NonNullable<RunProgress['progress']>, isLast: boolean): void;
  /** How the record ended: with the event `complete`, or in failure. */
  ended(record: WorkRecord, complete: Kind): Promise<void>;
}

const progressEveryMs = 200;

export function workTeller(options: TellerOptions, work: Work, { runId, interval }: WorkName): WorkTeller {
  const { bus, source, clock, logger } = options;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const publish = async (kind: Kind): Promise<void> => {
    if (bus !== undefined) await publishRunEvent(bus, source, runId, kind, clock);
  };
  return {
    progress(progress, isLast) {
      const nowMs = clock.monotonicMs();
      if (!isLast && nowMs - toldAtMs < progressEveryMs) return;
      toldAtMs = nowMs;
      publish({ $case: 'progress', value: { interval, progress } }).catch((error: unknown) => {
        // Progress is told as it is; one that is missed is followed by the next.
        logger.debug({ err: error }, 'progress was not told');
      });
    },
    async ended({ state, attempt, failure: reason, failureRetryable: retryable }, complete) {
      if (state === WorkState.COMPLETE) await publish(complete);
      else {
        const value = { work: workKinds[work], interval, attempt, reason, retryable };
        await publish({ $case: 'workFailed', value });
      }
    },
  };
}
