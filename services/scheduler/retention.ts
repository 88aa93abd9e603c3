// Which checkpoints of a run must stay. Pure: what may be deleted follows from records, never from age.
import type { IntervalRecord, Run } from '#proto/ddk/v1/types';

/**
 * The rule: a run keeps the checkpoint it started from, its best one, its last one, and whatever the record of the interval
 * in hand builds on. All others of its intervals may go; the run can then no longer be forked from there.
 */
export function keptCheckpoints(run: Run, inHand: IntervalRecord | undefined): ReadonlySet<string> {
  const kept = [
    run.spec?.baseCheckpointDigest,
    run.bestCheckpointDigest,
    run.checkpointDigest,
    inHand?.baseCheckpointDigest,
    inHand?.checkpointDigest,
  ];
  return new Set(kept.filter((digest): digest is string => digest !== undefined && digest !== ''));
}
