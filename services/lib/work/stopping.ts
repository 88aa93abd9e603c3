// How a worker that is about to end says so: nothing has failed, what was committed stays, and another may go on.
import { DdkError } from '#base';

const reason = 'WORKER_STOPPING';

/** Why a stopping worker leaves its work; `who` begins a sentence. */
export function workerStopping(who: string): DdkError {
  return new DdkError('unavailable', `${who} is stopping; what it has committed is kept. Ask again.`, {
    reason,
  });
}

/** Whether a piece of work was left in that way, also when it was told by another process. */
export function isWorkerStopping(error: DdkError): boolean {
  return error.reason === reason;
}
