// A service as a process of its own: settings, log, telemetry, its server, and an orderly end.
import { createLogger, DdkError, Environment, Lifecycle, type Logger, onTermination } from '#base';
import { startTelemetry } from '#telemetry';
import type { RunningServer } from './server.js';
import { readServing, type Serving } from './serving.js';

/** What every service is told as a process, beside what it is told as a service. */
export interface ServiceProcess extends Serving {
  /** Time that open calls get to end when the process is asked to. */
  readonly graceMs: number;
  readonly logLevel: string;
  /** Where spans and metrics go by OTLP; undefined = nowhere. */
  readonly telemetryEndpoint: string | undefined;
}

/** Reads what `readServing` reads, DDK_GRACE_SECONDS, DDK_LOG_LEVEL and OTEL_EXPORTER_OTLP_ENDPOINT. */
export function readServiceProcess(env: Environment): ServiceProcess {
  return {
    ...readServing(env),
    graceMs: 1000 * env.integer('DDK_GRACE_SECONDS', { min: 0, max: 3600, fallback: 25 }),
    logLevel: env.choice('DDK_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
    telemetryEndpoint: env.optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
  };
}

export interface ServiceOptions<C extends ServiceProcess> {
  /** As in the log; spans carry it after `ddk-`. */
  readonly name: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readConfig: (env: Environment) => C;
  /** Opens what the service needs, defers its closing, and starts the server. */
  readonly start: (
    config: C,
    process: { readonly logger: Logger; readonly lifecycle: Lifecycle },
  ) => Promise<RunningServer>;
}

/** What is left of a grace time is too short for closing store and sessions and sending the last telemetry. */
const closingMs = 2_000;

/**
 * Serves until SIGTERM or SIGINT; the server is then drained and what was opened is closed in reverse order. A failure to
 * start is one sentence on standard error and exit code 1.
 */
export async function runService<C extends ServiceProcess>(options: ServiceOptions<C>): Promise<void> {
  try {
    await serve(options);
  } catch (error) {
    const { code, message } = DdkError.from(error);
    process.stderr.write(`${options.name}: ${code}: ${message}\n`);
    process.exitCode = 1;
  }
}

async function serve<C extends ServiceProcess>(options: ServiceOptions<C>): Promise<void> {
  const { name, environment, readConfig, start } = options;
  const config = readConfig(new Environment(environment));
  const { graceMs, logLevel, telemetryEndpoint: endpoint } = config;
  const logger = createLogger(name, { level: logLevel });
  const lifecycle = new Lifecycle(logger);
  onTermination(lifecycle, graceMs + closingMs);
  try {
    const telemetry = await startTelemetry(`ddk-${name}`, { endpoint, logger });
    lifecycle.defer('telemetry', () => telemetry.stop());
    const server = await start(config, { logger, lifecycle });
    lifecycle.defer('server', () => server.drain(graceMs));
  } catch (error) {
    await lifecycle.stop('start failed');
    throw error;
  }
}
