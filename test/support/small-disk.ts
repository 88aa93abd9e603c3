// A folder that holds little: a small file system where this user may mount one, else a process that may write no large file.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { RunOptions } from './ddk-process.js';

const run = promisify(execFile);

export interface SmallDisk {
  /** To be given to the process that is to meet its end. */
  readonly limits: Pick<RunOptions, 'maxFileKiB'>;
  grow(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes `folder`, with room for about `kib` KiB. */
export async function smallDisk(folder: string, kib: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder]).then(
    () => true,
    () => false,
  );
  if (!mounted)
    return { limits: { maxFileKiB: Math.floor(kib / 4) }, grow: async () => {}, remove: async () => {} };
  return {
    limits: {},
    grow: async () => void (await run('mount', ['-o', 'remount,size=64m', folder])),
    remove: async () => void (await run('umount', [folder])),
  };
}
