// What the scheduler knows of one run: plain data that maps one to one onto the message ddk.v1.Run.
import type { Domain, Interval, Reason, RunSpec } from '#proto/ddk/v1/types';

/** A phase in which some work is outstanding. Measuring and training concern the interval `RunState.interval`. */
export type WorkingPhase = 'preparing' | 'measuring' | 'training' | 'exporting';

/**
 *     preparing -> measuring(0) -> training(0) -> measuring(1) -> ... -> measuring(n) -> exporting -> succeeded
 *
 * with n the intervals planned: gaps are measured before every interval and once after the last. Every working phase can
 * be paused, which keeps where to go on from, or cancelled. A run fails only while preparing; later troubles pause it, so
 * that what has been trained is never thrown away. A succeeded run that is extended goes on with training(n).
 */
export type Phase =
  | { readonly kind: WorkingPhase }
  | { readonly kind: 'paused'; readonly from: WorkingPhase; readonly reason: Reason }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly reason: Reason }
  | { readonly kind: 'cancelled'; readonly from: WorkingPhase };

export interface RunState {
  readonly id: string;
  readonly requestId: string;
  readonly spec: RunSpec;
  /** Empty while preparing. */
  readonly domains: readonly Domain[];
  readonly phase: Phase;
  /** The interval being measured or trained; once all are trained, their number. */
  readonly interval: number;
  /**
   * Names the one assignment whose results count. It never goes back and no two assignments of a run share one, whatever
   * happens to the run in between.
   */
  readonly attempt: number;
  /** Retryable failures in a row of the work outstanding, without any step committed between them. */
  readonly failures: number;
  /** Steps that had been committed when it last failed. */
  readonly failedAtStep: number;
  readonly intervalsPlanned: number;
  /**
   * The latest measured intervals, in order: that of index `interval`, once it is measured, and the one before it, whose
   * factors Eq. 2 starts from. Those before them are final and kept elsewhere, see `closedIntervals`.
   */
  readonly intervals: readonly Interval[];
  /** The last committed checkpoint. */
  readonly checkpointDigest: string;
  /** The measured checkpoint with the lowest student loss, averaged over the domains. */
  readonly best: { readonly checkpointDigest: string; readonly loss: number } | undefined;
  /** Empty until the run has succeeded. */
  readonly exportDigest: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Whether work is outstanding. */
export function isWorking(kind: Phase['kind']): kind is WorkingPhase {
  return kind === 'preparing' || kind === 'measuring' || kind === 'training' || kind === 'exporting';
}

/** One of the latest intervals. */
export function intervalAt(state: RunState, index: number): Interval | undefined {
  return state.intervals.find((interval) => interval.index === index);
}

/** The latest intervals with `interval` as their last, while the run's interval is `current`. */
export function latestWith(state: RunState, interval: Interval, current = state.interval): Interval[] {
  const before = state.intervals.filter(({ index }) => index < interval.index);
  return [...before, interval].filter(({ index }) => index >= current - 1);
}

/** The intervals of a state that the state after it has no more: final, and in no record of the run's from then on. */
export function closedIntervals(before: RunState, after: RunState): Interval[] {
  const first = after.intervals[0]?.index ?? 0;
  return before.intervals.filter(({ index }) => index < first);
}

/** Steps in every interval: K of the paper. */
export function intervalSteps(state: RunState): number {
  return state.spec.training?.intervalSteps ?? 0;
}

/** Whether nothing will happen to the run unless somebody asks for it. */
export function isOver(state: RunState): boolean {
  const { kind } = state.phase;
  return kind === 'succeeded' || kind === 'failed' || kind === 'cancelled';
}
