// The four services in this process: real gRPC on loopback, the bus in memory, the store on disk.
import { createLogger, type Logger } from '#base';
import { openMemoryBus } from '#bus';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { type Client, createClient, type RunningServer } from '#rpc';
import { openRuntime, type ProviderSetting } from '#runtime';
import type { Claim } from '#store';
import { startDomainEvaluator } from '../domain-evaluator/service.js';
import { startScheduler } from '../scheduler/service.js';
import { startStudentTrainer } from '../student-trainer/service.js';
import { startTeacherScoring } from '../teacher-scoring/service.js';
import type { DataFolder } from './data-folder.js';
import { watchfulStore } from './watchful-store.js';

export type SchedulerClient = Client<typeof SchedulerServiceService>;
export type EvaluatorClient = Client<typeof DomainEvaluatorServiceService>;

interface EmbeddedOptions {
  readonly data: DataFolder;
  /** Model folder of the teacher. */
  readonly teacher: string;
  readonly provider: ProviderSetting;
  readonly device: number;
  readonly threads: number;
  readonly logger: Logger;
  /** Held by the caller; the services' addresses are announced on it. */
  readonly claim: Claim;
  /** Names of the unfinished runs to take up; others of the folder are left as they are. */
  readonly takesUp: readonly string[];
}

export interface Embedded {
  readonly scheduler: SchedulerClient;
  readonly evaluator: EvaluatorClient;
  /** Aborts, with the DdkError to show, once nothing can go on before somebody has mended something, such as a full disk. */
  readonly broken: AbortSignal;
  /** Ends in order: no new work, the step in hand committed, then servers and sessions. */
  close(): Promise<void>;
}

const graceMs = 10_000;
const address = '127.0.0.1:0';

/** Starts everything. What was started is closed again if a later part fails. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { data, provider, device, threads, logger } = options;
  const opened: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened.splice(0).reverse()) await one();
  };
  const keep = (server: RunningServer): RunningServer => {
    opened.push(() => server.drain(graceMs));
    return server;
  };
  try {
    const runtime = await openRuntime('c-api');
    opened.push(() => runtime.close());
    const bus = openMemoryBus();
    opened.push(() => bus.close());
    const broken = new AbortController();
    const store = watchfulStore(data.store, (error) => broken.abort(error));
    const common = { listen: address, data: data.root, provider, device, threads, security: {} };
    const dependencies = (name: string) => ({ store, bus, runtime, logger: logger.child({ service: name }) });

    const teacher = keep(
      await startTeacherScoring({ ...common, model: options.teacher }, dependencies('teacher-scoring')),
    );
    const trainer = keep(
      await startStudentTrainer(
        { ...common, teacherAddress: teacher.address },
        dependencies('student-trainer'),
      ),
    );
    const evaluator = keep(
      await startDomainEvaluator(
        { ...common, teacherAddress: teacher.address },
        dependencies('domain-evaluator'),
      ),
    );
    const scheduler = keep(
      await startScheduler(
        { ...common, teacherAddress: teacher.address },
        {
          ...dependencies('scheduler'),
          takesUp: (name) => options.takesUp.includes(name),
          onStuck: (error) => broken.abort(error),
        },
      ),
    );
    logger.info(
      {
        teacher: teacher.address,
        trainer: trainer.address,
        evaluator: evaluator.address,
        scheduler: scheduler.address,
      },
      'the four services are listening',
    );
    await options.claim.announce({
      schedulerAddress: scheduler.address,
      evaluatorAddress: evaluator.address,
    });
    const clients = await connect(scheduler.address, evaluator.address);
    opened.push(clients.close);
    return { ...clients, broken: broken.signal, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Clients of a scheduler and an evaluator that are running already. */
export async function connect(schedulerAddress: string, evaluatorAddress: string): Promise<Embedded> {
  const scheduler = await createClient(SchedulerServiceService, schedulerAddress);
  const evaluator = await createClient(DomainEvaluatorServiceService, evaluatorAddress);
  return {
    scheduler,
    evaluator,
    broken: new AbortController().signal,
    async close() {
      scheduler.close();
      evaluator.close();
    },
  };
}

/** The services' log: a file in the data folder, so that the terminal stays for people. */
export function serviceLogger(data: DataFolder, level: string): Logger {
  return createLogger('ddk', { level, destination: `${data.root}/ddk.log` });
}

/** Only a scheduler, to change the records of runs that nobody works on. */
export async function startSchedulerAlone(data: DataFolder, logger: Logger): Promise<Embedded> {
  const bus = openMemoryBus();
  // Nothing listens on the discard port; a scheduler asks its teacher only when a run is created.
  const config = { listen: address, security: {}, teacherAddress: '127.0.0.1:9' };
  const dependencies = { store: data.store, bus, logger, takesUp: () => false };
  const scheduler = await startScheduler(config, dependencies);
  const clients = await connect(scheduler.address, scheduler.address);
  return {
    ...clients,
    async close() {
      await clients.close();
      await scheduler.drain(graceMs);
      await bus.close();
    },
  };
}
