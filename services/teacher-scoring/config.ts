// Every setting of teacher-scoring, read from the environment.
import type { Environment } from '#base';
import { readServiceProcess, type ServiceProcess, type Serving } from '#rpc';
import { type InferencePlacement, type Placement, readInferencePlacement } from '#runtime';

export interface TeacherScoringConfig extends Serving, Placement {
  /** Folder of the model: config.json, weights, tokenizer.json. */
  readonly model: string;
}

/** What only the process of its own needs. */
export interface TeacherScoringProcessConfig
  extends TeacherScoringConfig,
    InferencePlacement,
    ServiceProcess {}

export function readConfig(env: Environment): TeacherScoringProcessConfig {
  const config = {
    model: env.string('DDK_MODEL'),
    ...readInferencePlacement(env),
    ...readServiceProcess(env),
  };
  env.done();
  return Object.freeze(config);
}
