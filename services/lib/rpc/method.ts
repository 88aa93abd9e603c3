// The shapes of services as the generated code describes them, and the plain async functions that ddk writes and calls
// instead of grpc-js handlers. Types only, apart from `methodKind`.
import type { CallContext } from './context.js';

/** One entry of a generated service definition. */
export interface MethodDefinition<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (value: Response) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** Any method, whatever its messages. */
export interface AnyMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/** A generated service definition. */
export type ServiceDefinition = Readonly<Record<string, AnyMethod>>;

export type RequestOf<M> = M extends { requestDeserialize: (bytes: Buffer) => infer R } ? R : never;
export type ResponseOf<M> = M extends { responseDeserialize: (bytes: Buffer) => infer R } ? R : never;

type KindOf<M> = M extends { requestStream: true; responseStream: true }
  ? 'bidirectional'
  : M extends { requestStream: false; responseStream: true }
    ? 'server_stream'
    : M extends { requestStream: false; responseStream: false }
      ? 'unary'
      : 'client_stream';

interface HandlerByKind<Request, Response> {
  unary: (request: Request, context: CallContext) => Promise<Response>;
  server_stream: (request: Request, context: CallContext) => AsyncIterable<Response>;
  bidirectional: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<Response>;
  client_stream: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>;
}

/** What a service writes: one plain async function an RPC. */
export type Implementation<D> = {
  readonly [Name in keyof D]: HandlerByKind<RequestOf<D[Name]>, ResponseOf<D[Name]>>[KindOf<D[Name]>];
};

export interface CallOptions {
  /** Ends the call; the server's `context.signal` is aborted too. */
  readonly signal?: AbortSignal;
  /** Time the call may take from now. Default 30 s for a single response, none for a stream. Infinity: none. */
  readonly timeoutMs?: number;
  /** The call on whose behalf this one is made: its cancellation and its deadline apply here as well. */
  readonly parent?: Pick<CallContext, 'signal' | 'deadlineMs'>;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Wait for a connection until the deadline instead of failing at once when the server is away. Default false. */
  readonly waitForReady?: boolean;
}

type Messages<T> = AsyncIterable<T> | Iterable<T>;

interface CallByKind<Request, Response> {
  unary: (request: Request, options?: CallOptions) => Promise<Response>;
  server_stream: (request: Request, options?: CallOptions) => AsyncIterable<Response>;
  bidirectional: (requests: Messages<Request>, options?: CallOptions) => AsyncIterable<Response>;
  client_stream: (requests: Messages<Request>, options?: CallOptions) => Promise<Response>;
}

/** What a caller sees: one async function or async iterable an RPC. A stream starts when it is first iterated. */
export type Calls<D> = {
  readonly [Name in keyof D]: CallByKind<RequestOf<D[Name]>, ResponseOf<D[Name]>>[KindOf<D[Name]>];
};

export type MethodKind = 'unary' | 'server_stream' | 'bidirectional' | 'client_stream';

export function methodKind(method: Pick<AnyMethod, 'requestStream' | 'responseStream'>): MethodKind {
  if (method.requestStream) return method.responseStream ? 'bidirectional' : 'client_stream';
  return method.responseStream ? 'server_stream' : 'unary';
}
