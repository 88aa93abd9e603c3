// Teacher-scoring as a process of its own: settings from the environment, one model, one address.
import { createLogger, DdkError, Environment, Lifecycle, onTermination } from '#base';
import { openRuntime } from '#runtime';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { startTeacherScoring } from './service.js';

async function main(): Promise<void> {
  const config = readConfig(new Environment(process.env));
  const logger = createLogger('teacher-scoring', { level: config.logLevel });
  const lifecycle = new Lifecycle(logger);
  onTermination(lifecycle, config.graceMs + 2_000);

  try {
    const telemetry = await startTelemetry('ddk-teacher-scoring', {
      endpoint: config.telemetryEndpoint,
      logger,
    });
    lifecycle.defer('telemetry', () => telemetry.stop());
    const runtime = await openRuntime();
    lifecycle.defer('runtime', () => runtime.close());
    const server = await startTeacherScoring(config, { runtime, logger });
    lifecycle.defer('server', () => server.drain(config.graceMs));
  } catch (error) {
    await lifecycle.stop('start failed');
    throw error;
  }
}

main().catch((error: unknown) => {
  const { code, message } = DdkError.from(error);
  process.stderr.write(`teacher-scoring: ${code}: ${message}\n`);
  process.exitCode = 1;
});
