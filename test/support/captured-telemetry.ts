// Telemetry kept in memory, so that a test can look at the spans and metrics its subject recorded.

import { metrics as sdkMetrics, tracing } from '@opentelemetry/sdk-node';
import { startTelemetry } from '#telemetry';

export interface CapturedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly failed: boolean;
  readonly message: string | undefined;
}

export interface CapturedPoint {
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The sum of a counter, the last value of a gauge, the count of a histogram. */
  readonly value: number;
  /** Of a histogram. */
  readonly buckets: readonly number[] | undefined;
}

export interface CapturedMetric {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly points: readonly CapturedPoint[];
}

export interface CapturedTelemetry {
  /** Spans that have ended, in order of their end. */
  spans(): Promise<readonly CapturedSpan[]>;
  metrics(): Promise<ReadonlyMap<string, CapturedMetric>>;
  stop(): Promise<void>;
}

const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
/** SpanStatusCode.ERROR */
const errorStatus = 2;

export async function captureTelemetry(serviceName = 'test'): Promise<CapturedTelemetry> {
  const spanExporter = new tracing.InMemorySpanExporter();
  const metricExporter = new sdkMetrics.InMemoryMetricExporter(sdkMetrics.AggregationTemporality.CUMULATIVE);
  const reader = new sdkMetrics.PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const spanProcessor = new tracing.SimpleSpanProcessor(spanExporter);
  const telemetry = await startTelemetry(serviceName, {
    sinks: { spanProcessors: [spanProcessor], metricReaders: [reader] },
  });
  return {
    async spans() {
      await spanProcessor.forceFlush();
      return spanExporter.getFinishedSpans().map((span) => ({
        name: span.name,
        kind: kinds[span.kind]!,
        traceId: span.spanContext().traceId,
        spanId: span.spanContext().spanId,
        parentSpanId: span.parentSpanContext?.spanId,
        attributes: span.attributes,
        events: span.events.map((event) => event.name),
        failed: span.status.code === errorStatus,
        message: span.status.message,
      }));
    },
    async metrics() {
      metricExporter.reset();
      await reader.forceFlush();
      const found = new Map<string, CapturedMetric>();
      for (const resource of metricExporter.getMetrics())
        for (const scope of resource.scopeMetrics)
          for (const metric of scope.metrics) {
            const { name, unit, description } = metric.descriptor;
            const points = metric.dataPoints.map(({ attributes, value }) =>
              typeof value === 'number'
                ? { attributes, value, buckets: undefined }
                : {
                    attributes,
                    value: value.count,
                    buckets: 'buckets' in value ? value.buckets.boundaries : undefined,
                  },
            );
            found.set(name, { name, unit, description, points });
          }
      return found;
    },
    stop: () => telemetry.stop(),
  };
}
