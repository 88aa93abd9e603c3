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
  const path = options.destination ?? 'stderr';
  // Synchronous, so that the line before a crash is there.
  const destination = pino.destination({ dest: path === 'stderr' ? 2 : path, sync: true, mkdir: true });
  // A line that cannot be written, as on a full disk, is lost; what it tells of goes on.
  destination.on('error', () => {});
  return pino(
    {
      name,
      level: options.level ?? 'info',
      base: { pid: process.pid, ...options.bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => logContext(),
    },
    destination,
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
