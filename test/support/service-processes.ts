// The four services as processes of their own over one data folder.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const services = fileURLToPath(new URL('../../services/', import.meta.url));

export interface ServiceProcesses {
  readonly teacher: string;
  readonly trainer: string;
  readonly evaluator: string;
  readonly scheduler: string;
  /** SIGTERM to all, the scheduler first; resolves when they have ended. */
  stop(): Promise<void>;
}

/** Starts them on free ports of the loopback interface. `folder` holds the model `teacher` and gets the data `.ddk`. */
export async function startServices(folder: string): Promise<ServiceProcesses> {
  const started: ChildProcess[] = [];
  const common = { DDK_DATA: join(folder, '.ddk'), DDK_PROVIDER: 'cpu', DDK_THREADS: '1' };
  const start = async (name: string, settings: Readonly<Record<string, string>>): Promise<string> => {
    const child = spawn(process.execPath, [join(services, name, 'main.js')], {
      env: { ...process.env, ...common, ...settings },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    started.push(child);
    return listening(name, child);
  };
  const stop = async (): Promise<void> => {
    for (const child of started.reverse()) await ended(child);
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
    return { teacher, trainer, evaluator, scheduler, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address in the first line of the service's log that has one. */
function listening(name: string, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      const address = /"address":"([^"]+)"/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${name} ended before it listened: ${log}`)));
  });
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.on('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
