// The files of segments in their folder: which there are, a new one, one to read, one to take away.
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { type ScannedSegment, scanSegment } from './segment-format.js';

export interface SegmentFile {
  readonly name: string;
  readonly bytes: number;
  /** When it was last written to, or was opened by somebody who found a record in it. */
  readonly usedMs: number;
}

const segmentPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.targets$/;
/** A folder of one file a window: a form that nothing here reads. */
const foreignPattern = /^[0-9a-f]{2}$/;

/** The segments of a folder, the least recently used first; none where there is no folder. Takes foreign forms away. */
export async function listSegments(folder: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = [];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory() && foreignPattern.test(entry.name)) {
      // Where it cannot be removed it only takes room.
      await rm(file, { recursive: true, force: true }).catch(() => {});
    } else if (entry.isFile() && segmentPattern.test(entry.name)) {
      // Between the two looks another process may have removed it.
      const info = await stat(file).catch(() => undefined);
      if (info !== undefined) found.push({ name: entry.name, bytes: info.size, usedMs: info.mtimeMs });
    }
  }
  return found.sort((a, b) => a.usedMs - b.usedMs || (a.name < b.name ? -1 : 1));
}

/** A new one to append to and read from, of a name that no process uses. */
export async function createSegment(folder: string): Promise<{ readonly name: string; file: FileHandle }> {
  const name = `${randomUUID()}.targets`;
  await mkdir(folder, { recursive: true });
  return { name, file: await open(path.join(folder, name), 'ax+') };
}

/** Opens one for reading, and leaves word of it for those who list the folder later. */
export async function openSegment(folder: string, name: string, nowMs: number): Promise<FileHandle> {
  const file = await open(path.join(folder, name), 'r');
  // Where that is not permitted, it only looks older to them.
  await file.utimes(nowMs / 1000, nowMs / 1000).catch(() => {});
  return file;
}

/** The records from byte `from` on, at most about `most`; undefined if another process has removed the file. */
export async function scanSegmentFile(
  folder: string,
  { name, bytes }: SegmentFile,
  from: number,
  most: number,
): Promise<ScannedSegment | undefined> {
  const file = await open(path.join(folder, name), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    return await scanSegment(file, from, bytes, most);
  } finally {
    await file.close();
  }
}

/** Leaves the first `bytes` bytes; what cannot be cut off is passed over by every reader. */
export async function cutSegment(folder: string, name: string, bytes: number): Promise<void> {
  await truncate(path.join(folder, name), bytes).catch(() => {});
}

/** What cannot be removed stays and is not counted, which is for whoever forbade it to see to. */
export async function removeSegment(folder: string, name: string): Promise<void> {
  await rm(path.join(folder, name), { force: true }).catch(() => {});
}
