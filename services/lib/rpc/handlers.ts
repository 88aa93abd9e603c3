// Turns plain async functions into grpc-js handlers: context in, responses at the reader's pace out, every error a status.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { DdkError, type Logger } from '#base';
import { type CallContext, openContext } from './context.js';
import { type AnyMethod, type MethodKind, methodKind } from './method.js';
import { createOutbox } from './outbox.js';
import { isUnexpected, statusFromError } from './status.js';

type ServerCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;
type UnaryBody = (request: unknown, context: CallContext) => Promise<unknown>;
type StreamBody = (request: unknown, context: CallContext) => AsyncIterable<unknown>;

/**
 * The grpc-js handler of one method. A handler that throws, at once or later, fails its call and nothing else;
 * unexpected errors are logged here, because their text does not leave the server.
 */
export function toHandler(method: AnyMethod, body: unknown, logger: Logger): UntypedHandleCall {
  const kind: MethodKind = methodKind(method);
  switch (kind) {
    case 'unary':
      return unaryHandler(body as UnaryBody, logger);
    case 'client_stream':
      return clientStreamHandler(body as UnaryBody, logger);
    case 'server_stream':
      return serverStreamHandler(body as StreamBody, logger);
    case 'bidirectional':
      return bidirectionalHandler(body as StreamBody, logger);
  }
}

function unaryHandler(body: UnaryBody, logger: Logger): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    void respond(call, logger, async (context) => callback(null, await body(call.request, context))).catch(
      callback,
    );
  };
}

function clientStreamHandler(body: UnaryBody, logger: Logger): handleClientStreamingCall<unknown, unknown> {
  return (call, callback) => {
    void respond(call, logger, async (context) =>
      callback(null, await body(received(call, context.signal), context)),
    ).catch(callback);
  };
}

function serverStreamHandler(body: StreamBody, logger: Logger): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    void respond(call, logger, (context) => send(call, body(call.request, context), context)).then(
      () => call.end(),
      (status) => call.emit('error', status),
    );
  };
}

function bidirectionalHandler(body: StreamBody, logger: Logger): handleBidiStreamingCall<unknown, unknown> {
  return (call) => {
    void respond(call, logger, (context) =>
      send(call, body(received(call, context.signal), context), context),
    ).then(
      () => call.end(),
      (status) => call.emit('error', status),
    );
  };
}

/** Runs a handler with its context. Rejects with the status to send, never with the error itself. */
async function respond(
  call: ServerCall,
  logger: Logger,
  work: (context: CallContext) => Promise<void>,
): Promise<void> {
  const { context, finish } = openContext(call, logger);
  try {
    await work(context);
  } catch (error) {
    // A caller that has left gets no answer, and what its handler threw on the way out says nothing.
    const cause = context.signal.aborted ? context.signal.reason : error;
    if (isUnexpected(cause)) context.logger.error({ err: cause }, 'a handler failed unexpectedly');
    throw statusFromError(cause);
  } finally {
    finish();
  }
}

async function send(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  responses: AsyncIterable<unknown>,
  context: CallContext,
): Promise<void> {
  const write = createOutbox(call, context.signal);
  for await (const response of responses) await write(response);
  context.signal.throwIfAborted();
}

/** The messages of a caller. Ends when the caller half-closes, throws when it cancels or its connection breaks. */
async function* received(
  call: Pick<ServerDuplexStream<unknown, unknown>, 'iterator'>,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  try {
    // The responses still have to be written after the last request, so reading must not destroy the stream.
    yield* call.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw signal.aborted ? signal.reason : DdkError.from(error);
  }
  // Node ends a stream that was reset as if it had been half-closed and only then reports the reset, some ticks later.
  await nextTurn();
  signal.throwIfAborted();
}
