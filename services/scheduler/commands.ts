// What the machine wants done, and what is outstanding in a state: the same after a restart as before.
import { unreachable } from '#base';
import type { RunEvent } from '#proto/ddk/v1/events';
import { intervalAt, type RunState } from './run-state.js';

export type PublishedKind = NonNullable<RunEvent['kind']>;

/** Work for somebody to do; safe to command again, since its record decides whether it still is to be done. */
export type Dispatch =
  | { readonly kind: 'prepare'; readonly attempt: number; readonly delayMs: number }
  | {
      readonly kind: 'evaluate';
      readonly interval: number;
      readonly attempt: number;
      readonly checkpointDigest: string;
      readonly delayMs: number;
    }
  | {
      readonly kind: 'train';
      readonly interval: number;
      readonly attempt: number;
      readonly weights: readonly number[];
      readonly baseCheckpointDigest: string;
      /** Steps applied before and after. */
      readonly firstStep: number;
      readonly endStep: number;
      readonly delayMs: number;
    }
  | {
      readonly kind: 'export';
      readonly attempt: number;
      readonly checkpointDigest: string;
      readonly delayMs: number;
    };

export type Command =
  | Dispatch
  /** Take the work of a phase back: nobody may commit it any more. */
  | {
      readonly kind: 'withdraw';
      readonly work: 'evaluate' | 'train' | 'export';
      readonly interval: number;
      readonly attempt: number;
    }
  /** Tell whoever listens. Never needed for the run to go on. */
  | { readonly kind: 'publish'; readonly event: PublishedKind };

const firstRetryDelayMs = 1_000;
const longestRetryDelayMs = 60_000;

/** Time to wait after so many failures in a row: doubling from one second to a minute. */
export function retryDelayMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(firstRetryDelayMs * 2 ** (failures - 1), longestRetryDelayMs);
}

/**
 * All that has to be done in a state. A scheduler that has just started performs these for every run, so no message and no
 * memory needs to survive.
 */
export function commandsFor(state: RunState): Command[] {
  const { phase, interval, attempt, checkpointDigest } = state;
  const delayMs = retryDelayMs(state.failures);
  switch (phase.kind) {
    case 'preparing':
      return [{ kind: 'prepare', attempt, delayMs }];
    case 'measuring':
      return [{ kind: 'evaluate', interval, attempt, checkpointDigest, delayMs }];
    case 'training': {
      const { weights, baseCheckpointDigest, firstStep, endStep } = intervalAt(state, interval)!;
      return [
        { kind: 'train', interval, attempt, weights, baseCheckpointDigest, firstStep, endStep, delayMs },
      ];
    }
    case 'exporting':
      return [{ kind: 'export', attempt, checkpointDigest, delayMs }];
    case 'paused':
    case 'cancelled':
      switch (phase.from) {
        case 'preparing':
          return [];
        case 'measuring':
          return [{ kind: 'withdraw', work: 'evaluate', interval, attempt }];
        case 'training':
          return [{ kind: 'withdraw', work: 'train', interval, attempt }];
        case 'exporting':
          return [{ kind: 'withdraw', work: 'export', interval, attempt }];
        default:
          return unreachable(phase.from);
      }
    case 'succeeded':
    case 'failed':
      return [];
  }
}
