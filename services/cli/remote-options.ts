// The options of commands that can go to services which are processes of their own, and what they say.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DdkError } from '#base';
import { addressProblem, type Security } from '#rpc';

/** Where the services are, and how they are reached. */
export interface RemoteAddress {
  /** host:port */
  readonly scheduler: string;
  readonly evaluator: string | undefined;
  readonly security: Security;
}

/** What the options leave on a command. */
export interface RemoteOptions {
  readonly scheduler?: string;
  readonly evaluator?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/**
 * Adds `--scheduler` and the TLS options.
 *
 * @param leftOut what the command turns to without a scheduler
 */
export function addRemoteOptions(command: Command, leftOut: string): Command {
  return command
    .addOption(
      new Option('--scheduler <address>', `host:port of a running scheduler; left out: ${leftOut}`)
        .env('DDK_SCHEDULER')
        .argParser(address),
    )
    .addOption(new Option('--tls-ca <file>', 'PEM: authorities of the services').env('DDK_TLS_CA'))
    .addOption(new Option('--tls-cert <file>', 'PEM: certificate to show them').env('DDK_TLS_CERT'))
    .addOption(new Option('--tls-key <file>', 'PEM: its private key').env('DDK_TLS_KEY'));
}

/** Adds `--evaluator` as well, for a command that asks for measurements itself. */
export function addEvaluatorOption(command: Command): Command {
  return command.addOption(
    new Option('--evaluator <address>', 'with --scheduler: host:port of a running domain-evaluator')
      .env('DDK_EVALUATOR')
      .argParser(address),
  );
}

/** Where the options lead; undefined: the services run in this process. */
export function remoteOf(options: RemoteOptions, allowInsecure: boolean): RemoteAddress | undefined {
  const { scheduler, evaluator } = options;
  // An empty variable counts as not set.
  if (!scheduler) return undefined;
  return { scheduler, evaluator: evaluator || undefined, security: securityOf(options, allowInsecure) };
}

function securityOf({ tlsCa, tlsCert, tlsKey }: RemoteOptions, allowPlaintext: boolean): Security {
  if (!tlsCert !== !tlsKey)
    throw new DdkError('invalid_argument', '--tls-cert and --tls-key are given together or not at all.');
  const tls = {
    ...(tlsCa && { caPath: tlsCa }),
    ...(tlsCert && { certPath: tlsCert }),
    ...(tlsKey && { keyPath: tlsKey }),
  };
  return { allowPlaintext, ...(Object.keys(tls).length > 0 && { tls }) };
}

function address(text: string): string {
  // An empty variable counts as not set.
  const problem = text === '' ? undefined : addressProblem(text);
  if (problem === undefined) return text;
  throw new InvalidArgumentError(`It ${problem}.`);
}
