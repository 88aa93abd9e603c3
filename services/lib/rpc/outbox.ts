// Writing messages to a gRPC stream at the pace of its reader.

/** The part of a grpc-js stream that is written to. */
interface MessageSink<T> {
  write(message: T, written: (error?: Error | null) => void): boolean;
}

/** Messages handed to grpc-js and not yet taken by the connection, at most. Two keep the pipe busy: one in flight, one
 * ready. grpc-js itself would accept 16 whatever their size, which is 128 MiB of the largest ones. */
const maxWaiting = 2;

/**
 * Returns a function that writes a message and resolves once few enough are waiting to be sent. It rejects with the
 * signal's reason when the call has ended, because a cancelled grpc-js call never reports its writes as done.
 */
export function createOutbox<T>(sink: MessageSink<T>, signal: AbortSignal): (message: T) => Promise<void> {
  let waiting = 0;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    wake?.();
    wake = undefined;
  };
  signal.addEventListener('abort', notify, { once: true });
  return async (message) => {
    signal.throwIfAborted();
    waiting += 1;
    sink.write(message, (error) => {
      waiting -= 1;
      failure ??= error ?? undefined;
      notify();
    });
    while (waiting >= maxWaiting && failure === undefined) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure;
  };
}
