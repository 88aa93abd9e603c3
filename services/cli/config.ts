// What the command line takes from its environment, besides the options that have a variable of their own (remote-options.ts).
import type { Environment } from '#base';

export interface CliConfig {
  readonly data: string;
  readonly telemetryEndpoint: string | undefined;
  /** Plain text to services beyond the loopback interface. */
  readonly allowInsecure: boolean;
}

export function readConfig(env: Environment): CliConfig {
  const config = {
    data: env.string('DDK_DATA', '.ddk'),
    telemetryEndpoint: env.optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
    allowInsecure: env.boolean('DDK_ALLOW_INSECURE', false),
  };
  env.done();
  return Object.freeze(config);
}
