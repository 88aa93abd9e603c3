// Starting and stopping OpenTelemetry. Its SDK is loaded only when there is somewhere to send to.

import { context, DiagLogLevel, diag, metrics, propagation, trace } from '@opentelemetry/api';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { assert, DdkError, type Logger, setLogContext, silentLogger } from '#base';
import { sendTo } from './config.js';
import { watchEventLoop } from './event-loop.js';
import { useMeter } from './instruments.js';
import { currentTraceIds, useTracer } from './tracing.js';

export interface TelemetryOptions {
  /** Where to send spans and metrics by OTLP, e.g. `http://collector:4318`. Without it telemetry is off. */
  readonly endpoint?: string | undefined;
  readonly serviceVersion?: string;
  /** Told when sending fails. */
  readonly logger?: Logger;
  /** Instead of sending by OTLP: where tests look at what was recorded. */
  readonly sinks?: Required<Pick<NodeSDKConfiguration, 'spanProcessors' | 'metricReaders'>>;
}

export interface Telemetry {
  /** Sends what is left, for five seconds at most, and turns telemetry off. */
  stop(): Promise<void>;
}

/** The name of the instrumentation, as OpenTelemetry calls it. */
const scope = 'ddk';
const flushMs = 5000;
let running = false;

/**
 * Turns on spans, metrics and the trace ids in log lines. Once a process, before the first span; what the SDK's own
 * variables say (`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_EXPORTER_OTLP_PROTOCOL`, ...) holds.
 */
export async function startTelemetry(
  serviceName: string,
  options: TelemetryOptions = {},
): Promise<Telemetry> {
  const { endpoint, logger = silentLogger, sinks } = options;
  if (endpoint === undefined && sinks === undefined) return { stop: () => Promise.resolve() };
  assert(!running, 'telemetry is started once a process');
  if (endpoint !== undefined) {
    if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint))
      throw new DdkError(
        'invalid_argument',
        `The OTLP endpoint ${JSON.stringify(endpoint)} is not a URL: give one such as http://localhost:4318.`,
      );
    sendTo(endpoint);
  }

  running = true;
  const { core, NodeSDK, resources } = await import('@opentelemetry/sdk-node');
  diag.setLogger(
    {
      error: (message) => logger.warn({ telemetry: message }, 'telemetry failed'),
      warn: (message) => logger.warn({ telemetry: message }, 'telemetry warns'),
      info: () => {},
      debug: () => {},
      verbose: () => {},
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const sdk = new NodeSDK({
    resource: resources.resourceFromAttributes({
      'service.name': serviceName,
      ...(options.serviceVersion === undefined ? {} : { 'service.version': options.serviceVersion }),
    }),
    // Not the process detector: command lines are nobody's business.
    resourceDetectors: [resources.envDetector, resources.hostDetector, resources.serviceInstanceIdDetector],
    textMapPropagator: new core.W3CTraceContextPropagator(),
    instrumentations: [],
    // Logs go to stderr.
    logRecordProcessors: [],
    ...sinks,
  });
  sdk.start();
  useTracer(trace.getTracer(scope));
  useMeter(metrics.getMeter(scope));
  setLogContext(currentTraceIds);
  const stopEventLoop = watchEventLoop();

  return {
    async stop() {
      if (!running) return;
      running = false;
      stopEventLoop();
      setLogContext(() => ({}));
      useTracer(undefined);
      useMeter(undefined);
      await withinFlushTime(sdk.shutdown()).catch((error: unknown) =>
        // A collector that is away must not keep a process from ending well.
        logger.warn({ err: error }, 'the last telemetry was not sent'),
      );
      for (const api of [trace, metrics, context, propagation, diag]) api.disable();
    },
  };
}

async function withinFlushTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DdkError('deadline_exceeded', `Sending took longer than ${flushMs} ms.`)),
      flushMs,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
