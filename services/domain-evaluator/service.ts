// Domain-evaluator as a service: core, queue and server put together, for a process of its own and the embedded mode.
import { randomUUID } from 'node:crypto';
import { type Clock, createTurns, type Logger, systemClock, type TakeTurn } from '#base';
import type { Bus } from '#bus';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { Health, outcomeFact, type RunningServer, service, startServer } from '#rpc';
import { chooseProvider, probeProvider, type Runtime } from '#runtime';
import type { Store } from '#store';
import { openTeacherCheck } from '#teacher';
import { consumeWork, workerStopping } from '#work';
import type { DomainEvaluatorConfig } from './config.js';
import { type EvaluationParts, evaluateInterval } from './evaluate-interval.js';
import { evaluatorHandlers } from './handlers.js';

export interface DomainEvaluatorDependencies {
  readonly store: Store;
  /** Work is taken from its queue and told of on it. Without it, work comes by RPC alone. */
  readonly bus?: Bus;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How long the teacher may be away before a measurement fails and is left to another attempt. Default 60 s. */
  readonly teacherPatienceMs?: number;
}

export async function startDomainEvaluator(
  config: DomainEvaluatorConfig,
  dependencies: DomainEvaluatorDependencies,
): Promise<RunningServer> {
  const { store, bus, runtime, logger, clock = systemClock, teacherPatienceMs = 60_000 } = dependencies;
  const { security, teacherAddress, device, threads } = config;
  const { provider, why } = chooseProvider(config.provider);
  // A provider that cannot compute is found now and not when the first work comes.
  await probeProvider(runtime, { provider, deviceId: device, threads });
  const health = new Health({ logger });
  const stopping = new AbortController();
  const parts: EvaluationParts = {
    store,
    bus,
    execution: {
      runtime,
      provider,
      device,
      threads,
      report: outcomeFact(health, 'session', `${provider}: ${why}`),
    },
    teacherAddress,
    teacherPatienceMs,
    security,
    clock,
    logger,
    worker: `domain-evaluator/${process.pid}/${randomUUID()}`,
    stopping: stopping.signal,
  };

  // One measurement at a time has the processor, whichever way it came.
  const takeTurn = createTurns();
  const inTurn: TakeTurn = (body) =>
    takeTurn(() => {
      stopping.signal.throwIfAborted();
      return body();
    });

  health.add('store', () => store.check());
  const teacher = await openTeacherCheck({ address: teacherAddress, security });
  health.add('teacher', (signal) => teacher.check(signal));
  if (bus !== undefined) health.add('bus', () => bus.check());
  const stopConsuming =
    bus === undefined
      ? undefined
      : await consumeWork(bus, 'evaluate', logger, async (item) => {
          await inTurn(() => evaluateInterval(item, parts, () => {}));
        });
  const release = async (): Promise<void> => {
    await stopConsuming?.();
    await takeTurn(async () => {});
    teacher.close();
  };
  const describe = { provider, why, threads, runtime, health };
  const server = await startServer({
    address: config.listen,
    services: [service(DomainEvaluatorServiceService, evaluatorHandlers({ parts, inTurn, describe }))],
    health,
    logger,
    security,
    // A measurement is short and starts over elsewhere; waiting for it would gain nothing.
    halt: () => stopping.abort(workerStopping('The evaluator')),
    release,
  }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  logger.info({ address: server.address, provider, why }, 'domain-evaluator is listening');
  return server;
}
