// Floor 1: spans, metrics and their names. Sole user of OpenTelemetry. The door of `#telemetry`.

export { metrics } from './metrics.js';
export { type RpcSpanName, spans } from './spans.js';
export { startTelemetry } from './start.js';
export {
  currentTraceIds,
  extractContext,
  injectContext,
  type OpenSpan,
  openSpan,
  type TraceContext,
  withContext,
  withSpan,
} from './tracing.js';
