// One attempt at a piece of work, from its claim to its telling.
import { DdkError } from '#base';
import { type Assignment, type ClaimOptions, claimWork, type WorkRecord } from './assignment.js';

export interface WorkOptions<R extends WorkRecord> extends ClaimOptions<R> {
  /** The work itself; its last commit makes the record complete. */
  readonly body: (assignment: Assignment<R>, signal: AbortSignal) => Promise<void>;
  /** Tells others of a record that is complete or has failed. */
  readonly tell: (record: R) => Promise<void>;
  /** The caller went away or this process is to end: the body is cancelled, the attempt left as it is for another to take up. */
  readonly signal: AbortSignal;
  /** This process is to end, and the body ends by itself once it has committed what it can; the attempt is left likewise. */
  readonly stopping?: AbortSignal;
}

/**
 * Does the work for the attempt named and returns the completed record; where it was complete already, tells of it again.
 * Throws `aborted` with reason ASSIGNMENT_LOST where it is not, or no longer, this attempt's; every other failure of an
 * attempt that is not left is recorded before it is thrown.
 */
export async function doWork<R extends WorkRecord>(options: WorkOptions<R>): Promise<R> {
  const { body, tell, signal, stopping } = options;
  const claim = await claimWork(options);
  switch (claim.kind) {
    case 'lost':
      throw new DdkError('aborted', `Nothing was done: ${claim.why}.`, { reason: 'ASSIGNMENT_LOST' });
    case 'complete':
      await tell(claim.record);
      return claim.record;
    case 'taken':
      break;
  }
  const { assignment } = claim;
  try {
    await body(assignment, AbortSignal.any([assignment.signal, signal]));
  } catch (thrown) {
    // A withdrawal cancels what is running; the error to tell is the withdrawal, not the cancelled call.
    if (assignment.signal.aborted) throw DdkError.from(assignment.signal.reason);
    const error = DdkError.from(thrown);
    if (error.reason !== 'ASSIGNMENT_LOST' && !signal.aborted && !stopping?.aborted) {
      await assignment.fail(error);
      await tell(assignment.record);
    }
    throw error;
  } finally {
    assignment.release();
  }
  await tell(assignment.record);
  return assignment.record;
}
