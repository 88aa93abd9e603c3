// The scheduler as a process of its own: settings from the environment, store on disk, work dispatched by RPC.
import path from 'node:path';
import { createLogger, DdkError, Environment, Lifecycle, onTermination } from '#base';
import { openMemoryBus } from '#bus';
import { openDiskStore } from '#store';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { startScheduler } from './service.js';

async function main(): Promise<void> {
  const config = readConfig(new Environment(process.env));
  const logger = createLogger('scheduler', { level: config.logLevel });
  const lifecycle = new Lifecycle(logger);
  onTermination(lifecycle, config.graceMs + 2_000);

  const telemetry = await startTelemetry('ddk-scheduler', { endpoint: config.telemetryEndpoint, logger });
  lifecycle.defer('telemetry', () => telemetry.stop());
  const store = await openDiskStore(path.join(config.data, 'store'));
  lifecycle.defer('store', () => store.close());
  const bus = openMemoryBus();
  lifecycle.defer('bus', () => bus.close());

  const server = await startScheduler(config, { store, bus, logger });
  lifecycle.defer('server', () => server.drain(config.graceMs));
  const { trainerAddress, evaluatorAddress, teacherAddress } = config;
  logger.info(
    { address: server.address, trainerAddress, evaluatorAddress, teacherAddress },
    'scheduler is listening',
  );
}

main().catch((error: unknown) => {
  const { code, message } = DdkError.from(error);
  process.stderr.write(`scheduler: ${code}: ${message}\n`);
  process.exitCode = 1;
});
