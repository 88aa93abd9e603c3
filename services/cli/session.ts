// What every command shares: the global options, the display, the data folder, and an end that closes all of it.
import { DdkError, Lifecycle } from '#base';
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
}

export interface Session {
  readonly options: GlobalOptions;
  readonly display: Display;
  readonly data: DataFolder;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Clients of the process at work in the data folder; undefined if there is none. */
  running(): Promise<Embedded | undefined>;
}

/** As shells count: 128 and the signal's number. */
const exitCodes: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143 };

/** Runs `body` with a session and closes it; Ctrl-C aborts its signal, a second one ends the process. */
export async function withSession<T>(
  options: GlobalOptions,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const lifecycle = new Lifecycle();
  const interrupt = (signal: NodeJS.Signals) => {
    process.exitCode = exitCodes[signal];
    if (lifecycle.signal.aborted) process.exit();
    void lifecycle.stop(signal);
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const display = createDisplay(options);
  const data = await openDataFolder(options.data);
  try {
    return await body({
      options,
      display,
      data,
      signal: lifecycle.signal,
      async running() {
        const addresses = (await data.holder())?.addresses;
        return addresses && connect(addresses.schedulerAddress, addresses.evaluatorAddress);
      },
    });
  } finally {
    display.close();
    await data.close();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
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

/** For commands that only make sense while a run is in progress. */
export function notRunning(data: DataFolder): DdkError {
  return new DdkError(
    'failed_precondition',
    `Nothing is running in ${data.root}. \`ddk run SPEC\` starts a run.`,
  );
}
