// Every setting of student-trainer, read from the environment.
import type { Environment } from '#base';
import { readAddress, readServiceProcess, type ServiceProcess, type Serving } from '#rpc';
import { type Placement, readPlacement } from '#runtime';

export interface StudentTrainerConfig extends Serving, Placement {
  readonly teacherAddress: string;
  /** Folder whose `store` holds records and artifacts, and whose `cache/targets` holds the teacher's targets. */
  readonly data: string;
  /** Most bytes of teacher targets kept on disk. 0 keeps none. Default 1 GiB. */
  readonly targetCacheBytes?: number;
}

const mebibyte = 1024 ** 2;

export function readConfig(env: Environment): StudentTrainerConfig & ServiceProcess {
  const config = {
    teacherAddress: readAddress(env, 'DDK_TEACHER_ADDRESS'),
    data: env.string('DDK_DATA', '.ddk'),
    targetCacheBytes:
      mebibyte * env.integer('DDK_TARGET_CACHE_MIB', { min: 0, max: 1 << 24, fallback: 1024 }),
    ...readPlacement(env),
    ...readServiceProcess(env),
  };
  env.done();
  return Object.freeze(config);
}
