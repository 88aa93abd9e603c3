// Every setting of the trainer, read from the environment.
import type { Environment } from '#base';
import { readSecurity, type Security } from '#rpc';
import type { ProviderSetting } from '#runtime';

export interface StudentTrainerConfig {
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  readonly teacherAddress: string;
  /** Folder of the store and of the cache of targets. */
  readonly data: string;
  readonly provider: ProviderSetting;
  /** Index of the GPU. */
  readonly device: number;
  /** 0 = all cores. */
  readonly threads: number;
  readonly security: Security;
  /** Time that the work in hand gets to come to a commit when the service stops. */
  readonly graceMs: number;
  /** Most bytes of teacher targets kept on disk. 0 keeps none. Default 1 GiB. */
  readonly targetCacheBytes?: number;
}

/** What only the process of its own needs. */
export interface StudentTrainerProcessConfig extends StudentTrainerConfig {
  readonly logLevel: string;
  readonly telemetryEndpoint: string | undefined;
}

const mebibyte = 1024 ** 2;

export function readConfig(env: Environment): StudentTrainerProcessConfig {
  const config: StudentTrainerProcessConfig = {
    listen: env.string('DDK_LISTEN', '127.0.0.1:0'),
    teacherAddress: env.string('DDK_TEACHER_ADDRESS'),
    data: env.string('DDK_DATA', './.ddk'),
    provider: env.choice('DDK_PROVIDER', ['auto', 'cpu', 'cuda'], 'auto'),
    device: env.integer('DDK_DEVICE', { min: 0, max: 1024, fallback: 0 }),
    threads: env.integer('DDK_THREADS', { min: 0, max: 1024, fallback: 0 }),
    security: readSecurity(env),
    graceMs: 1000 * env.integer('DDK_GRACE_SECONDS', { min: 0, max: 3600, fallback: 25 }),
    targetCacheBytes:
      mebibyte * env.integer('DDK_TARGET_CACHE_MIB', { min: 0, max: 1 << 24, fallback: 1024 }),
    logLevel: env.choice('DDK_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
    telemetryEndpoint: env.optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
  };
  env.done();
  return Object.freeze(config);
}
