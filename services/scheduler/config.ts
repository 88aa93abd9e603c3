// Every setting of the scheduler, read from the environment.
import type { Environment } from '#base';
import type { Security, TlsFiles } from '#rpc';

export interface SchedulerConfig {
  /** host:port; port 0 takes a free one. */
  readonly listen: string;
  readonly teacherAddress: string;
  /** Where work is dispatched by RPC; together or not at all. Without them it goes to the queues of the bus. */
  readonly trainerAddress?: string;
  readonly evaluatorAddress?: string;
  readonly security: Security;
  /** Time that open calls get to end when the service stops. */
  readonly graceMs: number;
}

/** What only the process of its own needs. */
export interface SchedulerProcessConfig extends SchedulerConfig {
  readonly trainerAddress: string;
  readonly evaluatorAddress: string;
  /** Folder whose `store` holds records and artifacts; the one that trainer and evaluator have. */
  readonly data: string;
  readonly logLevel: string;
  readonly telemetryEndpoint: string | undefined;
}

export function readConfig(env: Environment): SchedulerProcessConfig {
  const config: SchedulerProcessConfig = {
    listen: env.string('DDK_LISTEN', '127.0.0.1:0'),
    teacherAddress: env.string('DDK_TEACHER_ADDRESS'),
    trainerAddress: env.string('DDK_TRAINER_ADDRESS'),
    evaluatorAddress: env.string('DDK_EVALUATOR_ADDRESS'),
    data: env.string('DDK_DATA', './.ddk'),
    security: readSecurity(env),
    graceMs: 1000 * env.integer('DDK_GRACE_SECONDS', { min: 0, max: 3600, fallback: 25 }),
    logLevel: env.choice('DDK_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
    telemetryEndpoint: env.optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
  };
  env.done();
  return Object.freeze(config);
}

function readSecurity(env: Environment): Security {
  const certPath = env.optional('DDK_TLS_CERT');
  const keyPath = env.optional('DDK_TLS_KEY');
  const caPath = env.optional('DDK_TLS_CA');
  if ((certPath === undefined) !== (keyPath === undefined)) {
    env.reject('DDK_TLS_CERT', 'and DDK_TLS_KEY are given together or not at all');
  }
  const tls: TlsFiles = {
    ...(certPath && { certPath }),
    ...(keyPath && { keyPath }),
    ...(caPath && { caPath }),
  };
  const allowPlaintext = env.boolean('DDK_ALLOW_INSECURE', false);
  return { allowPlaintext, ...(Object.keys(tls).length > 0 && { tls }) };
}
