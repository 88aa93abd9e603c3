// Structured logs, one JSON object a line. Sole user of pino.

import { pino } from 'pino';

interface LogFunction {
  (message: string): void;
  (fields: object, message: string): void;
}

/** Log ids, sizes and durations; never whole requests, never secrets. An error goes in the field `err`. */
export interface Logger {
  readonly debug: LogFunction;
  readonly info: LogFunction;
  readonly warn: LogFunction;
  readonly error: LogFunction;
  readonly fatal: LogFunction;
  child(bindings: Record<string, unknown>): Logger;
}

export interface LoggerOptions {
  /** `debug`, `info` (default), `warn`, `error`, `fatal` or `silent`. */
  readonly level?: string;
  /** `stderr` (default), or the path of a file to append to. */
  readonly destination?: 'stderr' | (string & {});
  /** Fields of every line. */
  readonly bindings?: object;
}

let logContext: () => object = () => ({});

/** What every line of every logger carries from now on, asked at each line: the ids of the current trace. */
export function setLogContext(context: () => object): void {
  logContext = context;
}

export function createLogger(name: string, options: LoggerOptions = {}): Logger {
  const destination = options.destination ?? 'stderr';
  return pino(
    {
      name,
      level: options.level ?? 'info',
      base: { pid: process.pid, ...options.bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => logContext(),
    },
    // Synchronous, so that the line before a crash is there.
    pino.destination({ dest: destination === 'stderr' ? 2 : destination, sync: true, mkdir: true }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
