// A teacher as its users see it: what it is, and the two questions it is asked.
import type { Clock, Logger } from '#base';
import type { Window } from '#corpus';
import type { Security } from '#rpc';
import type { DenseTargets, TargetEncoding, TopKTargets } from '#targets';
import type { TargetCache } from './target-cache.js';

export type Targets = TopKTargets | DenseTargets;

/** What is served, as DescribeModel tells it. */
export interface TeacherModel {
  readonly fingerprint: string;
  readonly vocabSize: number;
  /** Longest window in predicted positions. */
  readonly maximumLength: number;
  readonly tokenizerFingerprint: string;
  readonly provider: 'cpu' | 'cuda';
  readonly precision: string;
  readonly maximumRows: number;
  readonly maximumPositions: number;
}

export interface TeacherOptions {
  readonly address: string;
  readonly logger: Logger;
  readonly security?: Security;
  /** Refuse any other model: failed_precondition with reason TEACHER_CHANGED. */
  readonly fingerprint?: string;
  /** Where targets are kept; without it every window is scored anew. */
  readonly cache?: TargetCache;
  /** How long the teacher may be away before those who wait are told `unavailable`. Default 60 s. */
  readonly giveUpMs?: number;
  readonly clock?: Clock;
}

export interface TargetSource {
  /**
   * The teacher's distributions at the B * T positions of B windows, row by row. Kept on disk before they are returned,
   * so that a replay of the step sees the same ones. Several calls may be open at once.
   */
  fetch(windows: readonly Window[], signal?: AbortSignal): Promise<Targets>;
  close(): void;
}

export interface LabelScores {
  /** Log-probabilities in nats of the tokens that follow, [B * T], row by row. */
  score(windows: readonly Window[], signal?: AbortSignal): Promise<Float32Array>;
  close(): void;
}

export interface Teacher {
  /** Asked once, then remembered. */
  describe(signal?: AbortSignal): Promise<TeacherModel>;
  /** Targets of windows of `length` predicted positions. Open one an interval, so that its spans are the interval's. */
  targets(options: {
    readonly encoding: TargetEncoding;
    readonly temperature: number;
    readonly length: number;
  }): Promise<TargetSource>;
  labelLogProbs(options: { readonly length: number }): Promise<LabelScores>;
  close(): void;
}
