#!/usr/bin/env node
// `ddk`: the command line. Only wires options to commands; every command lives in its own file.
import { DdkError, Environment, silentLogger } from '#base';
import { startTelemetry } from '#telemetry';
import { readConfig } from './config.js';
import { toJson } from './display/json.js';
import { brokenPipe, outputTaken, watchOutput } from './output-closed.js';
import { createProgram } from './program.js';
import { asksForJson, errorOf, failureLine, proseOf } from './tell-failure.js';

/** Exit code of a command that was interrupted, where the session has not said by which signal: 128 and that of SIGINT. */
const interrupted = 130;

const outputs = [process.stdout, process.stderr];
const outputClosed = watchOutput(outputs);
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
 * Ends the process once all it has said was taken, or could not be: a result that is lost makes a failure of the command.
 * Where Node ends by itself it takes its listeners down first, and for that long a late Ctrl-C would make one too.
 */
async function end(): Promise<void> {
  await outputTaken(outputs);
  process.exit();
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
