// Files that survive a crash: whole or not there at all, and on the disk once the call returns.

import { link, mkdir, open, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { DdkError } from './errors.js';

export interface DurableOptions {
  /** Where the unfinished file lives, on the same file system; by default beside the finished one. */
  readonly temporaryFolder?: string;
}

let temporaryCounter = 0;

/** A name that no other process or thread uses: unfinished files begin with a dot and end with `.tmp`. */
export function temporaryPath(path: string, options: DurableOptions = {}): string {
  temporaryCounter += 1;
  const unique = `${process.pid}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  return join(
    options.temporaryFolder ?? dirname(path),
    `.${basename(path)}.${unique}-${temporaryCounter}.tmp`,
  );
}

/** Makes names created in, or removed from, this folder survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates the folder and its missing parents, durably. */
export async function makeFolder(folder: string): Promise<void> {
  // One after the other: where a parent takes no folders, as /proc does, Node's own way of making them all never ends.
  const missing: string[] = [];
  let at = resolve(folder);
  for (; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  for (const path of missing) {
    await mkdir(path).catch(async (error: Error) => {
      // Somebody else was faster.
      if (!isExists(error) || !(await isFolder(path))) throw error;
    });
    // Every new name is an entry in its parent.
    await syncFolder(dirname(path));
  }
}

/** False where there is nothing. What is there and no folder is an error, `EEXIST` as of making one. */
async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found && !found.isDirectory())
    throw Object.assign(new Error(`EEXIST: file already exists, mkdir '${path}'`), { code: 'EEXIST', path });
  return found !== undefined;
}

/** What is written; pieces are written one after the other as they come, so that a large file is never in memory. */
type FileData = Uint8Array | string | AsyncIterable<Uint8Array | string>;

async function writeSynced(path: string, data: FileData): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    if (typeof data === 'string' || data instanceof Uint8Array) await handle.writeFile(data);
    else await writeFile(handle, data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** An unfinished file is litter, not an answer: failing to remove it must not hide the error that left it. */
async function removeLitter(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

/**
 * Replaces or creates a file: readers see the old bytes or the new ones, never a mixture, also after a power failure.
 * The folder must exist. Errors are those of the operating system, as DdkError, or of whoever makes the pieces.
 */
export async function writeFileDurable(
  path: string,
  data: FileData,
  options: DurableOptions = {},
): Promise<void> {
  const temporary = temporaryPath(path, options);
  try {
    await writeSynced(temporary, data);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await removeLitter(temporary);
    throw failureOf(error, path);
  }
}

/** Errors of writing, unlike those of opening, come without the path. */
function failureOf(error: unknown, path: string): DdkError {
  const isSystemError = error instanceof Error && 'syscall' in error && !('path' in error);
  return DdkError.from(isSystemError ? Object.assign(error, { path }) : error);
}

/**
 * Creates a file that must not exist, whole and durable; false if it exists already. Of several processes that try at
 * once exactly one gets true. (A link to a finished file is exclusive and atomic; a rename would silently replace.)
 */
export async function createFileExclusive(
  path: string,
  data: Uint8Array | string,
  options: DurableOptions = {},
): Promise<boolean> {
  const temporary = temporaryPath(path, options);
  try {
    await writeSynced(temporary, data);
    await link(temporary, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error && error.syscall === 'link' && isExists(error))
      return false;
    throw failureOf(error, path);
  } finally {
    await removeLitter(temporary);
  }
}

function isExists(error: Error): boolean {
  return 'code' in error && error.code === 'EEXIST';
}

/**
 * The absolute path of `relative` below `root`. Throws invalid_argument for an absolute path, one that leaves the root
 * or is the root itself, and one with a NUL. Names only: symbolic links are not followed.
 */
export function resolveInside(root: string, relative: string): string {
  const refuse = (why: string): DdkError =>
    new DdkError(
      'invalid_argument',
      `Path ${JSON.stringify(relative)} ${why}; give a relative path inside ${root}.`,
    );
  if (relative.includes('\0')) throw refuse('contains a NUL character');
  if (isAbsolute(relative)) throw refuse('is absolute');
  const base = resolve(root);
  const path = resolve(base, relative);
  if (!path.startsWith(base.endsWith(sep) ? base : base + sep))
    throw refuse('does not stay inside its folder');
  return path;
}
