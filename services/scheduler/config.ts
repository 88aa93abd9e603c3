// Every setting of the scheduler, read from the environment.
import type { Environment } from '#base';
import { readAddress, readServiceProcess, type ServiceProcess, type Serving } from '#rpc';

export interface SchedulerConfig extends Serving {
  readonly teacherAddress: string;
  /** Where work is dispatched by RPC; together or not at all. Without them it goes to the queues of the bus. */
  readonly trainerAddress?: string;
  readonly evaluatorAddress?: string;
}

/** What only the process of its own needs. */
export interface SchedulerProcessConfig extends SchedulerConfig, ServiceProcess {
  readonly trainerAddress: string;
  readonly evaluatorAddress: string;
  /** Folder whose `store` holds records and artifacts; the one that trainer and evaluator have. */
  readonly data: string;
}

export function readConfig(env: Environment): SchedulerProcessConfig {
  const config = {
    teacherAddress: readAddress(env, 'DDK_TEACHER_ADDRESS'),
    trainerAddress: readAddress(env, 'DDK_TRAINER_ADDRESS'),
    evaluatorAddress: readAddress(env, 'DDK_EVALUATOR_ADDRESS'),
    data: env.string('DDK_DATA', '.ddk'),
    ...readServiceProcess(env),
  };
  env.done();
  return Object.freeze(config);
}
