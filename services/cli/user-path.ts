// What stands in the way of a path that a user gave, in words and without the names of unfinished files.
import { mkdtemp, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { DdkError } from '#base';

/** A path that a user gave for something to be written to. */
export interface UserPath {
  readonly path: string;
  /** Completes `PATH cannot ...`: `hold runs`, `be written`. */
  readonly cannot: string;
  /** Completes the sentence: `give another folder with --data`. */
  readonly remedy: string;
}

/** By the operating system's name of the error. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'there is no space left on its disk (free some first)',
  EDQUOT: 'the quota of this user is used up',
  EFBIG: 'its file would be larger than this user may make one',
  ENOENT: 'no folder can be made there',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'it is a file',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its links lead in circles',
};

/** Calls `body`, which writes to `place`; what the operating system has against it becomes one sentence. */
export async function writingTo<T>(place: UserPath, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw refusedPath(place, error);
  }
}

/**
 * Refuses a folder that could not be made or written to, before there is any work whose result would be lost. Leaves
 * nothing behind.
 */
export async function requireRoom(place: UserPath): Promise<void> {
  await writingTo(place, async () => {
    const existing = await nearestFolder(place.path);
    // Permissions alone do not tell: the superuser has them in places where nothing can be made.
    await rmdir(await mkdtemp(path.join(existing, '.ddk-')));
  });
}

/** The folder itself, or the nearest above it that is there. Throws what the system would say where a file is in the way. */
export async function nearestFolder(given: string): Promise<string> {
  for (let at = path.resolve(given); ; at = path.dirname(at)) {
    const found = await stat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (found?.isDirectory()) return at;
    if (found) throw Object.assign(new Error(`${at} is a file`), { code: 'EEXIST' });
  }
}

/** The sentence for an error of the operating system; an error that has its own sentence stays as it is. */
function refusedPath({ path: where, cannot, remedy }: UserPath, error: unknown): DdkError {
  const known = DdkError.from(error);
  const system = error instanceof DdkError ? error.cause : error;
  const errno =
    system instanceof Error && 'code' in system && typeof system.code === 'string' ? system.code : '';
  const reason = reasons[errno];
  const unworded = error !== known || DdkError.from(system).message === known.message;
  if (reason === undefined || !unworded) return known;
  return new DdkError(known.code, `${where} cannot ${cannot}: ${reason}; ${remedy}.`, { cause: error });
}
