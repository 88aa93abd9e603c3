// What a scheduler meets while it looks after a run: whether it may pass, and what is said of it where it does not.
import { DdkError } from '#base';
import type { Reason } from '#proto/ddk/v1/types';

/** Whether waiting, or somebody who mends the store, lets the same thing succeed. */
export function mayPass({ retryable, reason }: DdkError): boolean {
  return retryable || reason === 'STORE_GONE' || reason === 'STORE_READ_ONLY';
}

export function reasonOf(error: DdkError): Reason {
  return { code: error.reason ?? error.code.toUpperCase(), message: error.message };
}

/** The error that nothing more can be done for a run. */
export function stuck(runId: string, error: DdkError): DdkError {
  const message = `The run ${runId} can neither go on nor be paused: ${error.message}`;
  return new DdkError(error.code, message, { cause: error, ...(error.reason && { reason: error.reason }) });
}
