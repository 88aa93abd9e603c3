// Domain-evaluator as a process of its own: settings from the environment, store on disk, work asked for by RPC.
import path from 'node:path';
import { createLogger, DdkError, Environment, Lifecycle, onTermination } from '#base';
import { openRuntime } from '#runtime';
import { openDiskStore } from '#store';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { startDomainEvaluator } from './service.js';

async function main(): Promise<void> {
  const config = readConfig(new Environment(process.env));
  const logger = createLogger('domain-evaluator', { level: config.logLevel });
  const lifecycle = new Lifecycle(logger);
  onTermination(lifecycle, config.graceMs + 2_000);

  try {
    const telemetry = await startTelemetry('ddk-domain-evaluator', {
      endpoint: config.telemetryEndpoint,
      logger,
    });
    lifecycle.defer('telemetry', () => telemetry.stop());
    const store = await openDiskStore(path.join(config.data, 'store'));
    lifecycle.defer('store', () => store.close());
    const runtime = await openRuntime();
    lifecycle.defer('runtime', () => runtime.close());
    const server = await startDomainEvaluator(config, { store, runtime, logger });
    lifecycle.defer('server', () => server.drain(config.graceMs));
  } catch (error) {
    await lifecycle.stop('start failed');
    throw error;
  }
}

main().catch((error: unknown) => {
  const { code, message } = DdkError.from(error);
  process.stderr.write(`domain-evaluator: ${code}: ${message}\n`);
  process.exitCode = 1;
});
