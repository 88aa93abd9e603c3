// The built command line as a child process.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../services/cli/main.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** SIGKILL after this long. */
  readonly killAfterMs?: number;
  /** Writing beyond this size fails, as it does on a full disk. */
  readonly maxFileKiB?: number;
}

export interface Running {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with its match once standard output holds one; undefined if the process ends without. */
  said(pattern: RegExp): Promise<RegExpExecArray | undefined>;
  readonly finished: Promise<Finished>;
}

/** Starts `ddk ARGS`. */
export function startDdk(args: readonly string[], options: RunOptions): Running {
  const command = [process.execPath, main, ...args];
  // In units of 512 bytes.
  const limited = ['/bin/sh', '-c', `ulimit -f ${2 * (options.maxFileKiB ?? 0)}; exec "$0" "$@"`, ...command];
  const [program, ...rest] = options.maxFileKiB === undefined ? command : limited;
  const child = spawn(program!, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer =
    options.killAfterMs === undefined
      ? undefined
      : setTimeout(() => child.kill('SIGKILL'), options.killAfterMs);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    said(pattern) {
      return new Promise((resolve) => {
        const look = (): void => {
          const match = pattern.exec(stdout);
          if (match) resolve(match);
        };
        look();
        child.stdout.on('data', look);
        void finished.then(() => resolve(undefined));
      });
    },
    finished,
  };
}

/** Runs `ddk ARGS` to its end, whatever ends it. */
export function ddk(args: readonly string[], options: RunOptions): Promise<Finished> {
  return startDdk(args, options).finished;
}

/** The objects of a command's JSON lines. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
