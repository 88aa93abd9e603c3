// Whether the folders of an open store are still there: without them everything would look as if it had never been.

import { stat } from 'node:fs/promises';
import { DdkError } from '#base';
import { folderFailure, storeGone } from './failures.js';
import type { Layout } from './layout.js';

/** Whether a file or folder is not there. */
export const missing = (error: unknown): boolean => DdkError.from(error).code === 'not_found';

/** Throws `failed_precondition`, reason STORE_GONE, where what opening the store made is there no more. `doing` completes "while ...". */
export async function requireStore(layout: Layout, doing: string): Promise<void> {
  // A write that comes at the wrong moment makes its own folders anew, but never the one for unfinished files.
  for (const folder of [layout.temporaryFolder, layout.recordsFolder, layout.artifactsFolder])
    await stat(folder).catch((error: unknown) => {
      throw missing(error) ? storeGone(layout.folder, doing) : folderFailure(error, layout.folder, doing);
    });
}

/** What a failed operation means to the store's user. `doing` completes "while ...". */
export async function failureIn(layout: Layout, error: unknown, doing: string): Promise<DdkError> {
  try {
    if (missing(error)) await requireStore(layout, doing);
  } catch (gone) {
    return DdkError.from(gone);
  }
  return folderFailure(error, layout.folder, doing);
}
