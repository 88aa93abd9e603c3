// Which process a file was written by, told apart from a later one that was given the same number.
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the kernel's count since which boot; empty where the system does not say. */
  readonly started: string;
}

export const thisProcess = (): ProcessIdentity => ({ pid: process.pid, started: startOf(process.pid) });

/** Whether that very process is still there. Where starts are not known, whether any of its number is. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: alive, and another user's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  return started === '' || now === '' || now === started;
}

/** An identity from a file's JSON; undefined if it is none. */
export function readIdentity(value: unknown): ProcessIdentity | undefined {
  const { pid, started } = (value ?? {}) as Partial<ProcessIdentity>;
  if (!Number.isSafeInteger(pid) || (pid as number) < 1 || typeof started !== 'string') return undefined;
  return { pid: pid as number, started };
}

function startOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in parentheses and may hold anything; the start is the 20th field after it (proc(5)).
    const start = status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
    return start === undefined ? '' : `${boot}/${start}`;
  } catch {
    // Not Linux, or the process is gone: kill(pid, 0) has said what can be said.
    return '';
  }
}
