// The four services as processes of their own over one data folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const services = fileURLToPath(new URL('../../services/', import.meta.url));

export const serviceNames = ['teacher-scoring', 'student-trainer', 'domain-evaluator', 'scheduler'] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface ServiceProcesses {
  readonly teacher: string;
  readonly trainer: string;
  readonly evaluator: string;
  readonly scheduler: string;
  /** Resolves with how the process ended: its exit code, or the signal. */
  kill(name: ServiceName, signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Starts a service that has ended again, at its address. */
  restart(name: ServiceName): Promise<void>;
  /** The lines that a service has logged in all its lives. */
  log(name: ServiceName): readonly LogLine[];
  /** SIGTERM to all, the scheduler first; resolves when they have ended. */
  stop(): Promise<void>;
}

export interface LogLine {
  readonly level: string;
  readonly msg: string;
}

interface Service {
  readonly settings: Readonly<Record<string, string>>;
  readonly child: ChildProcess;
  readonly address: string;
}

/** Starts them on free ports of the loopback interface. `folder` holds the model `teacher` and gets the data `.ddk`. */
export async function startServices(folder: string): Promise<ServiceProcesses> {
  const common = { DDK_DATA: join(folder, '.ddk'), DDK_PROVIDER: 'cpu', DDK_THREADS: '1' };
  const running = new Map<ServiceName, Service>();
  const logs = new Map<ServiceName, string>(serviceNames.map((name) => [name, '']));
  const start = async (name: ServiceName, settings: Readonly<Record<string, string>>): Promise<string> => {
    const child = spawn(process.execPath, [join(services, name, 'main.js')], {
      env: { ...process.env, ...common, ...settings },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      logs.set(name, logs.get(name) + text);
    });
    running.set(name, { settings, child, address: '' });
    const address = await listening(name, child);
    running.set(name, { settings, child, address });
    return address;
  };
  const stop = async (): Promise<void> => {
    for (const { child } of [...running.values()].reverse()) await ended(child, 'SIGTERM');
  };
  try {
    const teacher = await start('teacher-scoring', { DDK_MODEL: join(folder, 'teacher') });
    const [trainer, evaluator] = await Promise.all([
      start('student-trainer', { DDK_TEACHER_ADDRESS: teacher }),
      start('domain-evaluator', { DDK_TEACHER_ADDRESS: teacher }),
    ]);
    const scheduler = await start('scheduler', {
      DDK_TEACHER_ADDRESS: teacher,
      DDK_TRAINER_ADDRESS: trainer,
      DDK_EVALUATOR_ADDRESS: evaluator,
    });
    return {
      teacher,
      trainer,
      evaluator,
      scheduler,
      kill: (name, signal) => ended(running.get(name)!.child, signal),
      async restart(name) {
        const { settings, address } = running.get(name)!;
        await start(name, { ...settings, DDK_LISTEN: address });
      },
      log: (name) =>
        (logs.get(name) ?? '')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as LogLine),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address in the first line of the service's log that has one. */
function listening(name: string, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.on('data', (text: string) => {
      log += text;
      const address = /"address":"([^"]+)"/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${name} ended before it listened: ${log}`)));
  });
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
  const outcome = () => child.exitCode ?? child.signalCode;
  const already = outcome();
  if (already !== null) return Promise.resolve(already);
  return new Promise((resolve) => {
    // With its last words read.
    child.on('close', () => resolve(outcome() ?? 'SIGKILL'));
    child.kill(signal);
  });
}
