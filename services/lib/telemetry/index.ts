// Floor 1: spans, metrics and their names. Sole user of OpenTelemetry. The door of `#telemetry`.

export type { Attributes, Counter, Gauge, Histogram, MetricDefinition } from './instruments.js';
export { metrics } from './metrics.js';
export { type RpcSpanName, type SpanName, spans } from './spans.js';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './start.js';
export {
  currentTraceIds,
  extractContext,
  injectContext,
  type OpenSpan,
  openSpan,
  type Span,
  type SpanAttributes,
  type SpanOptions,
  type TraceContext,
  withContext,
  withSpan,
} from './tracing.js';
