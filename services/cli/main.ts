#!/usr/bin/env node
// `ddk`: the command line. Only wires options to commands; every command lives in its own file.
import { DdkError, Environment, silentLogger } from '#base';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { brokenPipe, watchOutput } from './output-closed.js';
import { createProgram } from './program.js';

/** Exit code of a command that was interrupted, where the session has not said by which signal: 128 and that of SIGINT. */
const interrupted = 130;

const outputClosed = watchOutput([process.stdout, process.stderr]);
outputClosed.addEventListener('abort', () => {
  const error = DdkError.from(outputClosed.reason);
  process.exitCode = error.code === 'cancelled' ? brokenPipe : 1;
  if (error.code !== 'cancelled') complain(error);
});

async function main(): Promise<void> {
  const config = readConfig(new Environment(process.env));
  const telemetry = await startTelemetry('ddk', { endpoint: config.telemetryEndpoint, logger: silentLogger });
  try {
    await createProgram(config, outputClosed).parseAsync();
  } finally {
    await telemetry.stop();
  }
}

function complain(error: DdkError): void {
  process.stderr.write(`ddk: ${error.message}\n`);
  for (const { field, description } of error.violations)
    if (!error.message.includes(description)) process.stderr.write(`  ${field}: ${description}\n`);
}

/**
 * Ends the process here and now. Where Node ends by itself it takes its listeners down first, and for that long a late
 * Ctrl-C would make a failure of a command that is done.
 */
function end(): void {
  // What a slow reader has not taken yet is waited for, in Node's own way.
  if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
}

main()
  .catch((thrown: unknown) => {
    // Whoever closed the output has been told all there is to tell.
    if (outputClosed.aborted) return;
    const error = DdkError.from(thrown);
    if (error.code === 'cancelled') {
      const how =
        error.reason === 'RUN_GOES_ON'
          ? error.message
          : 'Interrupted. The same command continues where this one was.';
      process.stderr.write(`${how}\n`);
      process.exitCode ??= interrupted;
      return;
    }
    complain(error);
    process.exitCode = 1;
  })
  .finally(end);
