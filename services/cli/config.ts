// What the command line takes from its environment.
import type { Environment } from '#base';

export interface CliConfig {
  readonly data: string;
  readonly telemetryEndpoint: string | undefined;
}

export function readConfig(env: Environment): CliConfig {
  const config = {
    data: env.string('DDK_DATA', '.ddk'),
    telemetryEndpoint: env.optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
  };
  env.done();
  return Object.freeze(config);
}
