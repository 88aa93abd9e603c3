// The scheduler as a service: core, workers and server put together, for a process of its own and for the embedded mode.
import { type Clock, DdkError, type Logger, systemClock } from '#base';
import type { Bus } from '#bus';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import type { RunEvent } from '#proto/ddk/v1/events';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient, Health, type RunningServer, service, startServer } from '#rpc';
import type { Store } from '#store';
import { decodeRunEvent, publishRunEvent, runEventSubject } from '#work';
import { readDomains } from './check-inputs.js';
import type { SchedulerConfig } from './config.js';
import { Coordinator } from './coordinator.js';
import { watchDeadWork } from './dead-work.js';
import { checkTeacher, checkWorkers, describeTeacher } from './dependencies.js';
import { schedulerHandlers } from './handlers.js';
import { rpcWorkers } from './rpc-workers.js';
import { RunStore } from './run-store.js';
import { busWorkers, type Workers } from './workers.js';

export interface SchedulerDependencies {
  readonly store: Store;
  /** Carries events, and work where no addresses of workers are configured. Its workers end with this process. */
  readonly bus: Bus;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How often every run is looked at whether or not anything was heard of it. Default 2 s. */
  readonly intervalMs?: number;
  /** Which of the unfinished runs, by name, are taken up at the start. Default: all. */
  readonly takesUp?: (name: string) => boolean;
  /** Told of a run that can neither go on nor be paused. */
  readonly onStuck?: (error: DdkError) => void;
}

/** Starts serving and takes up every run that is not over. */
export async function startScheduler(
  config: SchedulerConfig,
  dependencies: SchedulerDependencies,
): Promise<RunningServer> {
  const { store, bus, logger, clock = systemClock, intervalMs, takesUp, onStuck } = dependencies;
  const { security } = config;
  const runs = new RunStore(store.records, logger);
  const teacher = await createClient(TeacherScoringServiceService, config.teacherAddress, { security });
  const publish: Publish = (runId, event) => publishRunEvent(bus, 'ddk/scheduler', runId, event, clock);
  const health = new Health({ logger });
  health.add('store', () => store.check());
  health.add('bus', () => bus.check());
  checkTeacher(health, teacher);
  const workers = await openWorkers(config, dependencies, health, publish, (runId, attempt, error) =>
    coordinator.workEnded(runId, attempt, error),
  );
  const coordinator: Coordinator = new Coordinator({
    store,
    runs,
    workers,
    prepare: ({ spec }) => readDomains(spec, store.artifacts),
    publish,
    clock,
    logger,
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(takesUp === undefined ? {} : { takesUp }),
    ...(onStuck === undefined ? {} : { onStuck }),
  });

  const unsubscribe = await bus.subscribe(runEventSubject('*', '>'), (message) => {
    const event = decodeRunEvent(message);
    if (event && tellsOfWork(event.kind?.$case)) coordinator.hint(event.runId);
  });
  const ignoreDead = await watchDeadWork(bus, logger, (runId, attempt, error) =>
    coordinator.workEnded(runId, attempt, error),
  );
  const stopping = new AbortController();
  let stopped: Promise<void> | undefined;
  /** Assigns nothing any more and lets go of what is assigned: it goes on from its records with the next scheduler. */
  const stopWork = (): Promise<void> => {
    stopping.abort(
      new DdkError('unavailable', 'The scheduler is stopping; ask another one, or again in a moment.'),
    );
    stopped ??= (async () => {
      await unsubscribe();
      await ignoreDead();
      await workers.close();
      await coordinator.close();
    })();
    return stopped;
  };
  const release = async (): Promise<void> => {
    await stopWork();
    teacher.close();
  };
  try {
    await coordinator.start();
    const handlers = schedulerHandlers({
      store,
      runs,
      coordinator,
      bus,
      describeTeacher: (signal) => describeTeacher(teacher, signal),
      clock,
      stopping: stopping.signal,
    });
    const server = await startServer({
      address: config.listen,
      services: [service(SchedulerServiceService, handlers)],
      health,
      logger,
      security,
      // Its failure is thrown by release, which waits for it.
      halt: () => void stopWork().catch(() => undefined),
      release,
    });
    const { trainerAddress, evaluatorAddress, teacherAddress } = config;
    logger.info(
      { address: server.address, trainerAddress, evaluatorAddress, teacherAddress },
      'scheduler is listening',
    );
    return server;
  } catch (error) {
    await release();
    throw error;
  }
}

type Publish = (runId: string, event: NonNullable<RunEvent['kind']>) => Promise<void>;
type OnEnd = (runId: string, attempt: number, error: DdkError | undefined) => void;

async function openWorkers(
  config: SchedulerConfig,
  { bus, logger }: SchedulerDependencies,
  health: Health,
  publish: Publish,
  onEnd: OnEnd,
): Promise<Workers> {
  const { trainerAddress, evaluatorAddress, security } = config;
  if (trainerAddress === undefined && evaluatorAddress === undefined) {
    return busWorkers(bus, { outliveScheduler: false });
  }
  if (trainerAddress === undefined || evaluatorAddress === undefined) {
    throw new DdkError(
      'invalid_argument',
      'The addresses of trainer and evaluator are given together or not at all.',
    );
  }
  const trainer = await createClient(StudentTrainerServiceService, trainerAddress, { security });
  const evaluator = await createClient(DomainEvaluatorServiceService, evaluatorAddress, { security });
  const addresses = { trainer: trainerAddress, evaluator: evaluatorAddress };
  const endChecks = await checkWorkers(health, addresses, security);
  const workers = rpcWorkers({
    trainer,
    evaluator,
    publish,
    logger,
    onEnd: ({ runId, attempt }, error) => onEnd(runId, attempt, error),
  });
  return { ...workers, close: () => workers.close().finally(endChecks) };
}

function tellsOfWork(kind: string | undefined): boolean {
  return (
    kind === 'gapsMeasured' ||
    kind === 'intervalTrained' ||
    kind === 'exportFinished' ||
    kind === 'workFailed'
  );
}
