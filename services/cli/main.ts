#!/usr/bin/env node
// `ddk`: the command line. Only wires options to commands; every command lives in its own file.
import { DdkError, Environment, silentLogger } from '#base';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { createProgram } from './program.js';

/** Exit code of a command that was interrupted, where the session has not said by which signal: 128 and that of SIGINT. */
const interrupted = 130;

async function main(): Promise<void> {
  const config = readConfig(new Environment(process.env));
  const telemetry = await startTelemetry('ddk', { endpoint: config.telemetryEndpoint, logger: silentLogger });
  try {
    await createProgram(config.data).parseAsync();
  } finally {
    await telemetry.stop();
  }
}

main().catch((thrown: unknown) => {
  const error = DdkError.from(thrown);
  if (error.code === 'cancelled') {
    process.stderr.write('Interrupted. The same command continues where this one was.\n');
    process.exitCode ??= interrupted;
    return;
  }
  process.stderr.write(`ddk: ${error.message}\n`);
  for (const { field, description } of error.violations)
    if (!error.message.includes(description)) process.stderr.write(`  ${field}: ${description}\n`);
  process.exitCode = 1;
});
