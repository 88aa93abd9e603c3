// Every setting of domain-evaluator, read from the environment.
import type { Environment } from '#base';
import { readAddress, readServiceProcess, type ServiceProcess, type Serving } from '#rpc';
import { type InferencePlacement, type Placement, readInferencePlacement } from '#runtime';

export interface DomainEvaluatorConfig extends Serving, Placement {
  readonly teacherAddress: string;
}

/** What only the process of its own needs. */
export interface DomainEvaluatorProcessConfig
  extends DomainEvaluatorConfig,
    InferencePlacement,
    ServiceProcess {
  /** Folder whose `store` holds records and artifacts; the one that scheduler and trainer have. */
  readonly data: string;
}

export function readConfig(env: Environment): DomainEvaluatorProcessConfig {
  const config = {
    teacherAddress: readAddress(env, 'DDK_TEACHER_ADDRESS'),
    data: env.string('DDK_DATA', '.ddk'),
    ...readInferencePlacement(env),
    ...readServiceProcess(env),
  };
  env.done();
  return Object.freeze(config);
}
