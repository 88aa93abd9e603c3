// Everything that can happen to a run. Times are wall clock, given by whoever reports.
import type { Domain, DomainGap, Reason, RunSpec } from '#proto/ddk/v1/types';

export type Work = 'prepare' | 'evaluate' | 'train' | 'export';

/** What somebody asks of a run. Refused where it makes no sense, see `requestProblem`. */
export type RunRequest =
  | { readonly kind: 'pause_requested'; readonly atMs: number }
  | { readonly kind: 'resume_requested'; readonly atMs: number }
  | { readonly kind: 'cancel_requested'; readonly atMs: number }
  | { readonly kind: 'extend_requested'; readonly intervals: number; readonly atMs: number };

/**
 * What became of assigned work. Reports may come late, twice or out of order: one whose attempt is not the outstanding one
 * changes nothing.
 */
export type WorkReport =
  | {
      readonly kind: 'prepared';
      readonly attempt: number;
      readonly domains: readonly Domain[];
      readonly atMs: number;
    }
  | {
      readonly kind: 'gaps_measured';
      readonly interval: number;
      readonly attempt: number;
      readonly gaps: readonly DomainGap[];
      readonly atMs: number;
    }
  | {
      readonly kind: 'interval_trained';
      readonly interval: number;
      readonly attempt: number;
      /** Steps applied by the checkpoint. */
      readonly step: number;
      readonly checkpointDigest: string;
      readonly metricsDigest: string;
      readonly windowsDrawn: readonly bigint[];
      readonly atMs: number;
    }
  | {
      readonly kind: 'export_done';
      readonly attempt: number;
      readonly exportDigest: string;
      readonly atMs: number;
    }
  | {
      readonly kind: 'work_failed';
      readonly work: Work;
      readonly interval: number;
      readonly attempt: number;
      readonly reason: Reason;
      readonly retryable: boolean;
      /** Steps that the work has committed by now; 0 for other work than training. */
      readonly step: number;
      readonly atMs: number;
    }
  /** Whoever had the work is gone; nobody is to blame. */
  | { readonly kind: 'work_lost'; readonly attempt: number; readonly atMs: number };

/** What is to happen next can never be saved or found out: the same would be met for ever. */
export interface RunStuck {
  readonly kind: 'run_stuck';
  readonly reason: Reason;
  readonly atMs: number;
}

export type RunInput = RunRequest | WorkReport | RunStuck;

export interface RunCreated {
  readonly id: string;
  readonly requestId: string;
  /** Validated. `baseCheckpointDigest` is where step 0 starts from: of another run for a fork. */
  readonly spec: RunSpec;
  readonly atMs: number;
}
