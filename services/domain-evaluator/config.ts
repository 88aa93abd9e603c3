// Every setting of domain-evaluator, read from the environment.
import type { Environment } from '#base';
import { readSecurity, type Security } from '#rpc';
import type { ProviderSetting } from '#runtime';

export interface DomainEvaluatorConfig {
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  readonly teacherAddress: string;
  readonly provider: ProviderSetting;
  /** CUDA device. */
  readonly device: number;
  /** Threads of the student's session on the CPU; 0 takes all cores. */
  readonly threads: number;
  readonly security: Security;
}

/** What only the process of its own needs. */
export interface DomainEvaluatorProcessConfig extends DomainEvaluatorConfig {
  /** Folder whose `store` holds records and artifacts; the one that scheduler and trainer have. */
  readonly data: string;
  /** Time that open calls get to end when the service stops. */
  readonly graceMs: number;
  readonly logLevel: string;
  readonly telemetryEndpoint: string | undefined;
}

export function readConfig(env: Environment): DomainEvaluatorProcessConfig {
  const config: DomainEvaluatorProcessConfig = {
    listen: env.string('DDK_LISTEN', '127.0.0.1:0'),
    teacherAddress: env.string('DDK_TEACHER_ADDRESS'),
    data: env.string('DDK_DATA', './.ddk'),
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
