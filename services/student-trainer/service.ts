// The trainer as a service: core, queues and server put together, for a process of its own and for the embedded mode.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { type Clock, DdkError, type Logger, systemClock } from '#base';
import type { Bus } from '#bus';
import { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { Health, type RunningServer, service, startServer } from '#rpc';
import { chooseProvider, type Runtime } from '#runtime';
import type { Store } from '#store';
import { openTargetCache, openTeacher } from '#teacher';
import { consumeWork } from '#work';
import type { StudentTrainerConfig } from './config.js';
import { exportStudent } from './export-student.js';
import { trainerHandlers } from './handlers.js';
import { trainInterval } from './interval-trainer.js';
import type { TrainerParts } from './parts.js';
import { ProgressBoard } from './progress.js';
import { WarmEngine } from './warm-engine.js';

export interface StudentTrainerDependencies {
  readonly store: Store;
  /** Work is taken from its queues and told of on it. Without it, work comes by RPC alone. */
  readonly bus?: Bus;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export async function startStudentTrainer(
  config: StudentTrainerConfig,
  dependencies: StudentTrainerDependencies,
): Promise<RunningServer> {
  const { store, bus, runtime, logger, clock = systemClock } = dependencies;
  const { security } = config;
  const { provider, why } = chooseProvider(config.provider);
  const execution = { provider, deviceId: config.device, threads: config.threads };
  const engines = new WarmEngine(runtime, execution, store.artifacts, logger);
  const cacheBytes = config.targetCacheBytes ?? 1024 ** 3;
  const cache =
    cacheBytes > 0
      ? await openTargetCache({
          folder: path.join(config.data, 'cache', 'targets'),
          maxBytes: cacheBytes,
          logger,
        })
      : undefined;
  const stopping = new AbortController();
  const parts: TrainerParts = {
    store,
    bus,
    engines,
    connectTeacher: (fingerprint) =>
      openTeacher({ address: config.teacherAddress, logger, security, fingerprint, ...(cache && { cache }) }),
    board: new ProgressBoard(),
    clock,
    logger,
    worker: `student-trainer/${process.pid}/${randomUUID()}`,
    stopping: stopping.signal,
  };
  const health = new Health({ logger });
  health.add('store', () => store.check());
  health.set('session', true, `${provider}: ${why}`);
  if (bus) health.add('bus', () => bus.check());

  // One engine: work is done one after the other, whichever way it came.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(body: () => Promise<T>): Promise<T> => {
    const result = last.then(() => {
      if (stopping.signal.aborted) throw new DdkError('unavailable', 'This trainer is stopping.');
      return body();
    });
    last = result.catch(() => {});
    return result;
  };
  const stops = bus
    ? [
        await consumeWork(bus, 'train', logger, async (item) => {
          await inTurn(() => trainInterval(item, parts, () => {}));
        }),
        await consumeWork(bus, 'export', logger, async (item) => {
          await inTurn(() => exportStudent(item, parts));
        }),
      ]
    : [];
  const handlers = trainerHandlers({
    parts,
    inTurn,
    describe: { provider, why, threads: config.threads, runtime },
  });
  const server = await startServer({
    address: config.listen,
    services: [service(StudentTrainerServiceService, handlers)],
    health,
    logger,
    security,
  });
  logger.info({ address: server.address, provider, why }, 'student-trainer is listening');
  const stop = async (): Promise<void> => {
    for (const one of stops) await one();
    await last;
    await engines.close();
  };
  return {
    address: server.address,
    port: server.port,
    async drain(graceMs) {
      stopping.abort(new DdkError('aborted', 'The trainer is stopping.'));
      await server.drain(graceMs);
      await stop();
    },
    async close() {
      stopping.abort(new DdkError('aborted', 'The trainer is stopping.'));
      await server.close();
      await stop();
    },
  };
}
