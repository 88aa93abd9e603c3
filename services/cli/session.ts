// What every command shares: the global options, the display, the data folder, and an end that closes all of it.
import { Lifecycle } from '#base';
import { heldBy } from '#store';
import { type DataFolder, openDataFolder } from './data-folder.js';
import { chooseVoice, type Display } from './display/display.js';
import { jsonDisplay } from './display/json.js';
import { plainDisplay } from './display/plain.js';
import { terminalDisplay } from './display/terminal.js';
import { connect, type Embedded } from './embedded.js';

/** Options that stand before or after any command. */
export interface GlobalOptions {
  readonly data: string;
  readonly json: boolean;
  readonly logLevel: string;
  /** Aborts once standard output or standard error cannot be written any more. */
  readonly outputClosed: AbortSignal;
}

/** What every command has. */
export interface CommandContext {
  readonly options: GlobalOptions;
  readonly display: Display;
  /** Aborted by Ctrl-C and SIGTERM, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
}

/** What a command has that looks into the data folder. */
export interface Session extends CommandContext {
  readonly data: DataFolder;
  /**
   * Clients of the command at work in the data folder; undefined if there is none. failed_precondition where a scheduler
   * that is a process of its own has the folder.
   */
  running(): Promise<Embedded | undefined>;
}

/** As shells count: 128 and the signal's number. */
const exitCodes: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143 };

/**
 * Runs `body` and closes its display; Ctrl-C aborts its signal, a second one ends the process. What counts is how `body`
 * ends: a command that has done all it had to has not been interrupted, whenever the signal came.
 */
export async function withContext<T>(
  options: GlobalOptions,
  body: (context: CommandContext) => Promise<T>,
): Promise<T> {
  const lifecycle = new Lifecycle();
  let command: 'running' | 'done' | 'failed' = 'running';
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    // The result stands; all that is left is to send telemetry and to end.
    if (command === 'done') process.exit();
    if (interruptedBy) process.exit(exitCodes[signal]);
    interruptedBy = signal;
    void lifecycle.stop(signal);
  };
  const unread = () => void lifecycle.stop('nobody reads the output');
  const { outputClosed } = options;
  // For as long as the process lives: without a listener, a signal that comes late would end it as one that had failed.
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  outputClosed.addEventListener('abort', unread);
  if (outputClosed.aborted) unread();
  const display = createDisplay(options);
  try {
    const result = await body({ options, display, signal: lifecycle.signal });
    command = 'done';
    return result;
  } catch (error) {
    command = 'failed';
    if (interruptedBy) process.exitCode = exitCodes[interruptedBy];
    throw error;
  } finally {
    display.close();
    outputClosed.removeEventListener('abort', unread);
  }
}

/** The same with the data folder; `create` as in openDataFolder. */
export function withSession<T>(
  options: GlobalOptions,
  body: (session: Session) => Promise<T>,
  { create = true }: { readonly create?: boolean } = {},
): Promise<T> {
  return withContext(options, async (context) => {
    const data = await openDataFolder(options.data, { create });
    const running = async () => {
      const holder = await data.holder();
      // It may want a certificate and serves others too: who means it says so.
      if (holder?.role === 'scheduler') throw heldBy(data.root, holder);
      const { schedulerAddress, evaluatorAddress } = holder?.addresses ?? {};
      if (schedulerAddress === undefined || evaluatorAddress === undefined) return undefined;
      return connect(schedulerAddress, evaluatorAddress);
    };
    try {
      return await body({ ...context, data, running });
    } finally {
      await data.close();
    }
  });
}

export function createDisplay(options: GlobalOptions): Display {
  const writers = {
    out: (text: string) => void process.stdout.write(text),
    err: (text: string) => void process.stderr.write(text),
  };
  const voice = chooseVoice({ json: options.json, terminal: process.stderr.isTTY === true });
  switch (voice) {
    case 'json':
      return jsonDisplay(writers.out);
    case 'plain':
      return plainDisplay(writers);
    case 'terminal':
      return terminalDisplay(writers, process.stderr);
  }
}
