// The trainer as a service: core, queues and server put together, for a process of its own and for the embedded mode.
import { randomUUID } from 'node:crypto';
import { type Clock, createTurns, type Logger, systemClock, type TakeTurn } from '#base';
import type { Bus } from '#bus';
import { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { Health, outcomeFact, type RunningServer, service, startServer } from '#rpc';
import { chooseProvider, probeProvider, type Runtime } from '#runtime';
import type { Store } from '#store';
import { openTargetCache, openTeacher, openTeacherCheck, targetCacheFolder } from '#teacher';
import { SupersededCheckpoints } from '#train';
import { consumeWork, workerStopping } from '#work';
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
  /** How long a checkpoint that was superseded is kept at least. Default 2 minutes. */
  readonly supersededGraceMs?: number;
}

export async function startStudentTrainer(
  config: StudentTrainerConfig,
  dependencies: StudentTrainerDependencies,
): Promise<RunningServer> {
  const { store, bus, runtime, logger, clock = systemClock, supersededGraceMs: graceMs } = dependencies;
  const { security } = config;
  const { provider, why } = chooseProvider(config.provider);
  const execution = { provider, deviceId: config.device, threads: config.threads };
  // A provider that cannot compute is found now and not when the first work comes.
  await probeProvider(runtime, execution);
  const health = new Health({ logger });
  const report = outcomeFact(health, 'session', `${provider}: ${why}`);
  const engines = new WarmEngine({ runtime, execution, artifacts: store.artifacts, logger, report });
  const cacheBytes = config.targetCacheBytes ?? 1024 ** 3;
  const cache =
    cacheBytes > 0
      ? await openTargetCache({
          folder: targetCacheFolder(config.data),
          maxBytes: cacheBytes,
          logger,
        })
      : undefined;
  const superseded = new SupersededCheckpoints({
    store,
    clock,
    logger,
    ...(graceMs === undefined ? {} : { graceMs }),
  });
  const stopping = new AbortController();
  const parts: TrainerParts = {
    store,
    bus,
    engines,
    superseded,
    connectTeacher: (fingerprint) =>
      openTeacher({ address: config.teacherAddress, logger, security, fingerprint, ...(cache && { cache }) }),
    board: new ProgressBoard(),
    clock,
    logger,
    worker: `student-trainer/${process.pid}/${randomUUID()}`,
    stopping: stopping.signal,
  };
  health.add('store', () => store.check());
  const teacher = await openTeacherCheck({ address: config.teacherAddress, security });
  health.add('teacher', (signal) => teacher.check(signal));
  if (bus) health.add('bus', () => bus.check());

  // One engine: work is done one after the other, whichever way it came.
  const takeTurn = createTurns();
  const inTurn: TakeTurn = (body) =>
    takeTurn(() => {
      stopping.signal.throwIfAborted();
      return body();
    });
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
    describe: { provider, why, threads: config.threads, runtime, health },
  });
  const release = async (): Promise<void> => {
    for (const one of stops) await one();
    await takeTurn(() => engines.close());
    await superseded.close();
    await cache?.close();
    teacher.close();
  };
  const server = await startServer({
    address: config.listen,
    services: [service(StudentTrainerServiceService, handlers)],
    health,
    logger,
    security,
    // The step in hand is finished and committed.
    halt: () => stopping.abort(workerStopping('The trainer')),
    release,
  }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  logger.info({ address: server.address, provider, why }, 'student-trainer is listening');
  return server;
}
