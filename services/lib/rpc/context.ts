// What a handler knows about the call it serves: when to stop, how long it has, who asks.
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { DdkError, type Logger } from '#base';
import { textMetadata } from './metadata.js';
import { methodName } from './names.js';

export interface CallContext {
  /** Aborted when the caller cancels, its connection breaks, its deadline passes or the server is closed. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch by which the caller wants its answer; Infinity without a deadline. */
  readonly deadlineMs: number;
  /** What the caller sent along, text values only. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Address of the caller, 'unknown' when the connection has gone. */
  readonly peer: string;
  /** 'ddk.v1.SchedulerService/GetRun' */
  readonly method: string;
  readonly logger: Logger;
}

/** What calls of every kind have. */
type ServerCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  'cancelled' | 'metadata' | 'getDeadline' | 'getPath' | 'getPeer'
> & {
  once(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
};

/** The context of a call and the function that ends it, after which a cancellation no longer aborts the signal. */
export function openContext(
  call: ServerCall,
  logger: Logger,
): { readonly context: CallContext; readonly finish: () => void } {
  const controller = new AbortController();
  const deadline = call.getDeadline();
  const deadlineMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  const onCancelled = (): void => {
    // grpc-js reports a passed deadline as a cancellation; a few ms of slack because its timer may fire early.
    const late = Date.now() >= deadlineMs - 5;
    controller.abort(
      late
        ? new DdkError('deadline_exceeded', `the deadline of ${methodName(call.getPath())} has passed`)
        : new DdkError('cancelled', `the caller of ${methodName(call.getPath())} has cancelled`),
    );
  };
  if (call.cancelled) onCancelled();
  else call.once('cancelled', onCancelled);
  const method = methodName(call.getPath());
  return {
    context: {
      signal: controller.signal,
      deadlineMs,
      metadata: textMetadata(call.metadata),
      peer: call.getPeer(),
      method,
      logger: logger.child({ method }),
    },
    finish: () => call.off('cancelled', onCancelled),
  };
}
