#!/usr/bin/env node
// `ddk`: the command line. Only wires options to commands; every command lives in its own file.
import { DdkError } from '#base';
import { createProgram } from './program.js';

/** Exit code of a command that was interrupted, as shells count: 128 + SIGINT. */
const interrupted = 130;

createProgram()
  .parseAsync()
  .catch((thrown: unknown) => {
    const error = DdkError.from(thrown);
    if (error.code === 'cancelled') {
      process.stderr.write(`Interrupted. The same command continues where this one was.\n`);
      process.exitCode = interrupted;
      return;
    }
    process.stderr.write(`ddk: ${error.message}\n`);
    for (const { field, description } of error.violations)
      if (!error.message.includes(description)) process.stderr.write(`  ${field}: ${description}\n`);
    if (error.code === 'internal' && error.cause instanceof Error && process.env.DDK_DEBUG)
      process.stderr.write(`${error.cause.stack}\n`);
    process.exitCode = 1;
  });
