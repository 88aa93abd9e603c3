// Clients: one async function or async iterable an RPC, with deadlines, cancellation and errors as DdkError.
import {
  Client as Channel,
  type ClientDuplexStream,
  type CallOptions as GrpcCallOptions,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { assert, DdkError } from '#base';
import { errorOfCall } from './call-error.js';
import { clientTelemetry } from './client-telemetry.js';
import { clientCredentials, isLoopback, type Security } from './credentials.js';
import { channelOptions, defaultMaxMessageBytes, defaultTimeoutMs } from './limits.js';
import {
  type CallOptions,
  type Calls,
  type MethodDefinition,
  methodKind,
  type ServiceDefinition,
} from './method.js';
import { methodName } from './names.js';
import { noConnection } from './no-connection.js';
import { createOutbox } from './outbox.js';
import { unsendable } from './unsendable.js';

export interface ClientOptions {
  readonly security?: Security;
  /** Default 8 MiB. */
  readonly maxMessageBytes?: number;
  /** Deadline of calls with a single response that name none. Default 30 s. */
  readonly timeoutMs?: number;
}

export type Client<D> = Calls<D> & {
  readonly address: string;
  /** Resolves once there is a connection; `unavailable` if there is none in time. */
  ready(timeoutMs: number): Promise<void>;
  /** Ends the connection; calls in progress fail. */
  close(): void;
};

/** A method and where it is called. */
type Method = MethodDefinition<unknown, unknown> & { readonly address: string };

/**
 * A client of the service at `address` ('host:port', or 'dns:///host:port' to spread calls over all its addresses).
 * Connects at the first call and reconnects by itself.
 */
export async function createClient<D extends ServiceDefinition>(
  definition: D,
  address: string,
  options: ClientOptions = {},
): Promise<Client<D>> {
  const channel = new Channel(address, await clientCredentials(address, options.security ?? {}), {
    ...channelOptions(options.maxMessageBytes ?? defaultMaxMessageBytes, isLoopback(address)),
    interceptors: [clientTelemetry],
  });
  const calls: Record<string, unknown> = {
    address,
    ready: (timeoutMs: number) => ready(channel, address, timeoutMs, options.security?.tls !== undefined),
    close: () => channel.close(),
  };
  for (const [name, method] of Object.entries(definition)) {
    assert(!(name in calls), `no RPC is named like a function of the client; ${method.path} is`);
    const called = { ...(method as unknown as MethodDefinition<unknown, unknown>), address };
    calls[name] = callOf(channel, called, options.timeoutMs ?? defaultTimeoutMs);
  }
  return calls as Client<D>;
}

function ready(channel: Channel, address: string, timeoutMs: number, secured: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.waitForReady(Date.now() + timeoutMs, (error) => {
      if (error === undefined) resolve();
      else noConnection(channel, address, { timeoutMs, secured }).then(reject, reject);
    });
  });
}

function callOf(channel: Channel, method: Method, timeoutMs: number): unknown {
  const kind = methodKind(method);
  switch (kind) {
    case 'unary':
      return (request: unknown, options: CallOptions = {}) =>
        unary(channel, method, request, { timeoutMs, ...options });
    case 'server_stream':
      return (request: unknown, options: CallOptions = {}) => serverStream(channel, method, request, options);
    case 'bidirectional':
      return (requests: AsyncIterable<unknown>, options: CallOptions = {}) =>
        bidirectional(channel, method, requests, options);
    case 'client_stream':
      return async (requests: AsyncIterable<unknown>, options: CallOptions = {}) => {
        for await (const response of bidirectional(channel, method, requests, { timeoutMs, ...options }))
          return response;
        throw new DdkError('internal', `${methodName(method.path)} ended without a response`);
      };
  }
}

async function unary(
  channel: Channel,
  method: Method,
  request: unknown,
  options: CallOptions,
): Promise<unknown> {
  const ending = endingOf(method, options);
  try {
    return await new Promise((resolve, reject) => {
      const call = channel.makeUnaryRequest(
        method.path,
        ending.serialize,
        method.responseDeserialize,
        request,
        metadataOf(options),
        ending.grpc,
        (error, response) => (error === null ? resolve(response) : reject(error)),
      );
      ending.onAbort(() => call.cancel());
    });
  } catch (error) {
    throw ending.errorOf(error);
  } finally {
    ending.release();
  }
}

async function* serverStream(
  channel: Channel,
  method: Method,
  request: unknown,
  options: CallOptions,
): AsyncGenerator<unknown> {
  const ending = endingOf(method, options);
  const call = channel.makeServerStreamRequest(
    method.path,
    ending.serialize,
    method.responseDeserialize,
    request,
    metadataOf(options),
    ending.grpc,
  );
  call.on('error', swallow);
  ending.onAbort(() => call.cancel());
  try {
    yield* call.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw ending.errorOf(error);
  } finally {
    ending.release();
    // Without effect on a call that is over; ends one whose reader has stopped early.
    call.cancel();
  }
}

async function* bidirectional(
  channel: Channel,
  method: Method,
  requests: AsyncIterable<unknown> | Iterable<unknown>,
  options: CallOptions,
): AsyncGenerator<unknown> {
  const ending = endingOf(method, options);
  const call = channel.makeBidiStreamRequest(
    method.path,
    ending.serialize,
    method.responseDeserialize,
    metadataOf(options),
    ending.grpc,
  );
  call.on('error', swallow);
  ending.onAbort(() => call.cancel());
  const over = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  void pump(call, requests, over.signal).catch((error) => {
    if (over.signal.aborted) return;
    // What the caller's own requests threw is what its responses must throw.
    failure = { error };
    call.cancel();
  });
  try {
    yield* call.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw failure === undefined || ending.unsent ? ending.errorOf(error) : failure.error;
  } finally {
    over.abort();
    ending.release();
    call.cancel();
  }
}

/** The iterator of a stream reports its errors; those that come after its last read have nobody to tell. */
function swallow(): void {}

/** Sends the requests at the pace of the server, then half-closes. */
async function pump(
  call: ClientDuplexStream<unknown, unknown>,
  requests: AsyncIterable<unknown> | Iterable<unknown>,
  over: AbortSignal,
): Promise<void> {
  const write = createOutbox(call, over);
  for await (const request of requests) await write(request);
  call.end();
}

/** How a call may end from this side: by a signal, by its deadline, or because its request is no message. */
function endingOf(method: Method, options: CallOptions) {
  const ownDeadlineMs =
    options.timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.timeoutMs;
  const deadline = Math.min(ownDeadlineMs, options.parent?.deadlineMs ?? Number.POSITIVE_INFINITY);
  const signals = [options.signal, options.parent?.signal].filter((signal) => signal !== undefined);
  for (const signal of signals) {
    if (signal.aborted) throw cancelledBy(signal, method);
  }
  const listeners: (() => void)[] = [];
  let unsent: DdkError | undefined;
  return {
    serialize(request: unknown): Buffer {
      try {
        return method.requestSerialize(request);
      } catch (cause) {
        unsent = unsendable(method, request, cause);
        throw unsent;
      }
    },
    get unsent() {
      return unsent;
    },
    grpc: (deadline === Number.POSITIVE_INFINITY ? {} : { deadline }) satisfies GrpcCallOptions,
    onAbort(cancel: () => void): void {
      for (const signal of signals) {
        signal.addEventListener('abort', cancel, { once: true });
        listeners.push(() => signal.removeEventListener('abort', cancel));
      }
    },
    release: () => {
      for (const remove of listeners) remove();
    },
    errorOf(error: unknown): DdkError {
      if (unsent !== undefined) return unsent;
      const aborted = signals.find((signal) => signal.aborted);
      if (aborted !== undefined) return cancelledBy(aborted, method);
      return isServiceError(error) ? errorOfCall(error, method) : DdkError.from(error);
    },
  };
}

function cancelledBy(signal: AbortSignal, method: Method): DdkError {
  if (signal.reason instanceof DdkError) return signal.reason;
  return new DdkError('cancelled', `the call of ${methodName(method.path)} was cancelled`, {
    cause: signal.reason,
  });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata({ waitForReady: options.waitForReady ?? false });
  for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
  return metadata;
}
