// A store in a folder that several processes may use at once: `records/`, `artifacts/`, `tmp/` for what is unfinished.

import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, systemClock, temporaryPath, writeFileDurable } from '#base';
import { DiskArtifacts } from './disk-artifacts.js';
import { DiskRecords } from './disk-records.js';
import { folderFailure } from './failures.js';
import { layoutOf } from './layout.js';
import { failureIn } from './presence.js';
import type { Store } from './types.js';

export interface DiskStoreOptions {
  /** How often a watch looks for the changes of other processes; those of this one are seen at once. Default 200. */
  readonly pollMs?: number;
}

/** A file that nobody has written to for so long belongs to a process that is no more. */
const litterAgeMs = 24 * 60 * 60 * 1000;

/**
 * Opens the store in `folder`, creating it if need be. The folder must be on a file system with hard links.
 * Throws `permission_denied` or `resource_exhausted` with the folder's name where it cannot be written.
 */
export async function openDiskStore(folder: string, options: DiskStoreOptions = {}): Promise<Store> {
  const layout = layoutOf(folder);
  try {
    await makeFolder(layout.recordsFolder);
    await makeFolder(layout.artifactsFolder);
    await makeFolder(layout.temporaryFolder);
    await sweep(layout.temporaryFolder);
  } catch (error) {
    throw folderFailure(error, layout.folder, 'opening it');
  }

  return {
    records: new DiskRecords(layout, options.pollMs ?? 200),
    artifacts: new DiskArtifacts(layout),
    async check() {
      const probe = temporaryPath(join(layout.temporaryFolder, 'check'));
      try {
        await writeFileDurable(probe, 'writable');
        await unlink(probe);
      } catch (error) {
        throw await failureIn(layout, error, 'checking that it can be written');
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Opens the store of a data folder (DDK_DATA): its subfolder `store`. Whoever is given the same folder has the same store. */
export function openDataStore(data: string): Promise<Store> {
  return openDiskStore(join(data, 'store'));
}

/** Removes what processes that died left unfinished. */
async function sweep(temporaryFolder: string): Promise<void> {
  for (const name of await readdir(temporaryFolder)) {
    const path = join(temporaryFolder, name);
    // Gone already: its process has just finished with it, or another one sweeps too.
    const found = await stat(path).catch(() => undefined);
    if (found && systemClock.now() - found.mtimeMs > litterAgeMs) await unlink(path).catch(() => undefined);
  }
}
