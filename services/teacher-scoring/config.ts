// Every setting of teacher-scoring, read from the environment.
import type { Environment } from '#base';
import { readServiceProcess, type ServiceProcess, type Serving } from '#rpc';
import { type Placement, readPlacement } from '#runtime';

export interface TeacherScoringConfig extends Serving, Placement {
  /** Folder of the model: config.json, weights, tokenizer.json. */
  readonly model: string;
}

export function readConfig(env: Environment): TeacherScoringConfig & ServiceProcess {
  const config = { model: env.string('DDK_MODEL'), ...readPlacement(env), ...readServiceProcess(env) };
  env.done();
  return Object.freeze(config);
}
