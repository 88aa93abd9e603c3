// What a command that has failed says: sentences on standard error, and with --json one line on standard output besides.
import { CommanderError } from 'commander';
import { DdkError, type ErrorCode, type Violation } from '#base';

/** The last line of a command that was given `--json` and failed. */
export interface FailureLine {
  readonly type: 'error';
  readonly code: ErrorCode;
  /** In UPPER_SNAKE; empty where the code says all there is to say. */
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly Violation[];
}

/** Why a command has failed; undefined where it has only been asked for its help or version. */
export function errorOf(thrown: unknown): DdkError | undefined {
  if (!(thrown instanceof CommanderError)) return DdkError.from(thrown);
  if (thrown.exitCode === 0) return undefined;
  const noCommand = thrown.code === 'commander.help';
  const message = noCommand ? 'no command was given; `ddk --help` lists them' : thrown.message;
  return new DdkError('invalid_argument', message.replace(/^error: /, ''), {
    cause: thrown,
    reason: thrown.code
      .replace(/^commander\./, '')
      .replace(/[A-Z]/g, '_$&')
      .toUpperCase(),
  });
}

/** For people; the sentences of a mistake in the command line have been said where it was found. */
export function proseOf(error: DdkError): string {
  if (error.cause instanceof CommanderError) return '';
  if (error.code === 'cancelled') return `${messageOf(error)}\n`;
  const unsaid = error.violations.filter(({ description }) => !error.message.includes(description));
  return [
    `ddk: ${error.message}`,
    ...unsaid.map(({ field, description }) => `  ${field}: ${description}`),
    '',
  ].join('\n');
}

/** For scripts. */
export function failureLine(error: DdkError): FailureLine {
  const { code, reason = '', violations } = error;
  return { type: 'error', code, reason, message: messageOf(error), violations };
}

/** Whether the command line asks for JSON, wherever in it the mistake is. */
export function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

function messageOf({ code, reason, message }: DdkError): string {
  if (code !== 'cancelled' || reason === 'RUN_GOES_ON') return message;
  return 'Interrupted. The same command continues where this one was.';
}
