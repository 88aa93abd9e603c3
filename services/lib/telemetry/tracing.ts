// Spans and the context that joins those of several services into one trace. All of it does nothing while telemetry is off.

import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { DdkError } from '#base';
import type { SpanName } from './spans.js';

/** Where in which trace: opaque, to be handed on. */
export type TraceContext = Context;

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  /** `server` and `client` for calls, `producer` and `consumer` for messages, `internal` (default) for the rest. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** Default: the span that is active. */
  readonly parent?: TraceContext;
}

export interface Span {
  setAttributes(attributes: SpanAttributes): void;
  addEvent(name: string, attributes?: SpanAttributes): void;
}

/** A span that is ended by hand, for work that no one function encloses, such as a stream. */
export interface OpenSpan extends Span {
  /** The context in which this span is the active one: for `withContext` and `injectContext`. */
  readonly context: TraceContext;
  /** With an error the span is marked failed, with the error's code. The second time does nothing. */
  end(error?: unknown): void;
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

let activeTracer: Tracer | undefined;

/** The tracer that all spans go to from now on; undefined turns them off. */
export function useTracer(tracer: Tracer | undefined): void {
  activeTracer = tracer;
}

const ignoredSpan: Omit<OpenSpan, 'context'> = {
  setAttributes: () => {},
  addEvent: () => {},
  end: () => {},
};

export function openSpan(name: SpanName, attributes: SpanAttributes, options: SpanOptions = {}): OpenSpan {
  const parent = options.parent ?? context.active();
  if (!activeTracer) return { ...ignoredSpan, context: parent };
  const span = activeTracer.startSpan(
    name,
    { kind: kinds[options.kind ?? 'internal'], attributes: { ...attributes } },
    parent,
  );
  return {
    context: trace.setSpan(parent, span),
    setAttributes: (more) => void span.setAttributes({ ...more }),
    addEvent: (event, more = {}) => void span.addEvent(event, { ...more }),
    end(error) {
      if (error !== undefined) {
        const { code, message } = DdkError.from(error);
        span.setAttribute('error.type', code);
        span.setStatus({ code: SpanStatusCode.ERROR, message });
      }
      span.end();
    },
  };
}

/** Runs `body` within a span, which ends with it; what it throws marks the span and passes on. */
export async function withSpan<T>(
  name: SpanName,
  attributes: SpanAttributes,
  body: (span: Span) => Promise<T>,
  options: SpanOptions = {},
): Promise<T> {
  if (!activeTracer) return body(ignoredSpan);
  const span = openSpan(name, attributes, options);
  let failure: unknown;
  try {
    return await withContext(span.context, () => body(span));
  } catch (error) {
    failure = error ?? new Error('thrown without an error');
    throw error;
  } finally {
    span.end(failure);
  }
}

/** Runs `body`, and all that it starts, in this context. */
export function withContext<T>(where: TraceContext, body: () => T): T {
  return context.with(where, body);
}

/** Writes the context as W3C `traceparent` (and `tracestate`) into a plain carrier: headers, metadata. */
export function injectContext(carrier: Record<string, string>, from: TraceContext = context.active()): void {
  propagation.inject(from, carrier);
}

/** The context that a carrier brought; one without leads to a new trace, not to whatever is active here. */
export function extractContext(carrier: Readonly<Record<string, string | undefined>>): TraceContext {
  return propagation.extract(ROOT_CONTEXT, carrier);
}

/** The ids of the active span for log lines and error messages, or nothing. */
export function currentTraceIds(): { readonly trace_id?: string; readonly span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
