// Every setting of teacher-scoring, read from the environment.
import type { Environment } from '#base';
import { readSecurity, type Security } from '#rpc';
import type { ProviderSetting } from '#runtime';

export interface TeacherScoringConfig {
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  /** Folder of the model: config.json, weights, tokenizer.json. */
  readonly model: string;
  readonly provider: ProviderSetting;
  /** CUDA device. */
  readonly device: number;
  /** Threads of a session on the CPU; 0 takes all cores. */
  readonly threads: number;
  readonly security: Security;
}

/** What only the process of its own needs. */
export interface TeacherScoringProcessConfig extends TeacherScoringConfig {
  /** Time that open streams get to end when the service stops. */
  readonly graceMs: number;
  readonly logLevel: string;
  readonly telemetryEndpoint: string | undefined;
}

export function readConfig(env: Environment): TeacherScoringProcessConfig {
  const config: TeacherScoringProcessConfig = {
    listen: env.string('DDK_LISTEN', '127.0.0.1:0'),
    model: env.string('DDK_MODEL'),
    provider: env.choice('DDK_PROVIDER', ['auto', 'cpu', 'cuda'], 'auto'),
    device: env.integer('DDK_DEVICE', { min: 0, max: 255, fallback: 0 }),
    threads: env.integer('DDK_THREADS', { min: 0, max: 1024, fallback: 0 }),
    security: readSecurity(env),
    graceMs: 1000 * env.integer('DDK_GRACE_SECONDS', { min: 0, max: 3600, fallback: 25 }),
    logLevel: env.choice('DDK_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
    telemetryEndpoint: env.optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
  };
  env.done();
  return Object.freeze(config);
}
