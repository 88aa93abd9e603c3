#!/usr/bin/env node
// `ddk`: the command line. Only wires options to commands; every command lives in its own file.
import { DdkError, Environment, silentLogger } from '#base';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { toJson } from './display/json.js';
import { brokenPipe, watchOutput } from './output-closed.js';
import { createProgram } from './program.js';
import { asksForJson, errorOf, failureLine, proseOf } from './tell-failure.js';

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
  process.stderr.write(proseOf(error));
  if (asksForJson(process.argv)) process.stdout.write(`${toJson(failureLine(error))}\n`);
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
    const error = errorOf(thrown);
    // Help and version have been given.
    if (error === undefined) return;
    complain(error);
    if (error.code === 'cancelled') process.exitCode ??= interrupted;
    else process.exitCode = 1;
  })
  .finally(end);
