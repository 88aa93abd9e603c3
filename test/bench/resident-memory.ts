// What the kernel says of this process's memory; Linux only.
import { readFileSync, writeFileSync } from 'node:fs';

const mebibyte = 1024 ** 2;

/** Bytes resident now, and the most since the last {@link resetPeak}. */
export function residentMemory(): { readonly now: number; readonly peak: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** Starts a new peak; see proc(5), clear_refs. */
export function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

/** The peak over the whole life of this process, in bytes: getrusage(2) counts in KiB. */
export function peakOfLife(): number {
  return process.resourceUsage().maxRSS * 1024 || residentMemory().peak;
}

export function toMiB(bytes: number): number {
  return Math.round(bytes / mebibyte);
}
