// Where things lie in the folder of a store.

import { join, resolve } from 'node:path';

export interface Layout {
  /** The store itself, as its user named it. */
  readonly folder: string;
  readonly recordsFolder: string;
  readonly artifactsFolder: string;
  /** Unfinished files, on the same file system as the finished ones. */
  readonly temporaryFolder: string;
}

export function layoutOf(folder: string): Layout {
  const root = resolve(folder);
  return {
    folder: root,
    recordsFolder: join(root, 'records'),
    artifactsFolder: join(root, 'artifacts'),
    temporaryFolder: join(root, 'tmp'),
  };
}
