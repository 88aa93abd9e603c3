// The segments that a process knows of, with their open files, within bounds: the least recently used goes first.
import type { FileHandle } from 'node:fs/promises';
import { type Clock, DdkError } from '#base';
import {
  createSegment,
  cutSegment,
  openSegment,
  removeSegment,
  type SegmentFile,
  scanSegmentFile,
} from './segment-folder.js';
import { readAt } from './segment-format.js';
import { type IndexEntry, type Segment, SegmentIndex } from './segment-index.js';

export interface SegmentsOptions {
  readonly folder: string;
  readonly maxBytes: number;
  readonly maxEntries: number;
  readonly clock: Clock;
}

/** A full cache has about this many segments, of which one goes at a time. */
const segmentsOfFullCache = 16;
/** Processes that end early leave small segments, and each may be open. */
const maxSegments = 128;
/** Nobody is in the middle of a write to a segment that was not written to for this long. */
const settledMs = 60_000;

export class Segments {
  readonly index = new SegmentIndex();
  /** Of one segment. */
  readonly mostBytes: number;
  readonly mostRecords: number;
  readonly #options: SegmentsOptions;

  constructor(options: SegmentsOptions) {
    this.#options = options;
    this.mostBytes = options.maxBytes / segmentsOfFullCache;
    this.mostRecords = Math.ceil(options.maxEntries / segmentsOfFullCache);
  }

  /** A new one to append to. */
  async create(): Promise<Segment> {
    const { name, file } = await createSegment(this.#options.folder);
    const segment = this.index.add(name);
    segment.file = Promise.resolve(file);
    return segment;
  }

  /** The bytes at an entry's place; fewer where they cannot be had. */
  async read({ segment, at, bytes }: IndexEntry): Promise<Buffer> {
    try {
      return await readAt(await this.file(segment), at, bytes);
    } catch (error) {
      // Another process has removed it, and its other entries with this one.
      if (DdkError.from(error).code === 'not_found') await this.forget(segment);
      return Buffer.alloc(0);
    }
  }

  async file(segment: Segment): Promise<FileHandle> {
    const { folder, clock } = this.#options;
    segment.file ??= openSegment(folder, segment.name, clock.now());
    try {
      return await segment.file;
    } catch (error) {
      segment.file = undefined;
      throw error;
    }
  }

  /** Reads what is new in a file of this or another process. Returns how many bytes at its end are no records, and lost. */
  async learn(file: SegmentFile): Promise<number> {
    const { folder, clock } = this.#options;
    const known = this.index.segment(file.name);
    const { bytes: from, records, hasBadTail } = known ?? { bytes: 0, records: 0, hasBadTail: false };
    if (hasBadTail || file.bytes <= from) return 0;
    const scanned = await scanSegmentFile(folder, file, from, this.mostRecords - records);
    if (scanned === undefined) return 0;
    const { places, end, tail } = scanned;
    const segment = known ?? this.index.add(file.name);
    this.index.grow(segment, places, end);
    const isSettled = clock.now() - file.usedMs > settledMs;
    // Another process may be writing it just now.
    if (tail === 'none' || (tail === 'unfinished' && !isSettled)) return 0;
    segment.hasBadTail = true;
    if (isSettled) await this.cut(segment);
    return file.bytes - end;
  }

  /** Leaves nothing behind the last whole group. */
  async cut(segment: Segment): Promise<void> {
    if (segment.bytes === 0) await this.remove(segment);
    else await cutSegment(this.#options.folder, segment.name, segment.bytes);
  }

  /** Removes segments until so many bytes more are within the bounds. */
  async makeRoom(bytes: number, spared: Segment | undefined): Promise<void> {
    const { index } = this;
    const { maxBytes, maxEntries } = this.#options;
    for (const segment of index.segments) {
      const fits = index.bytes + bytes <= maxBytes && index.entries <= maxEntries;
      if (fits && index.segments.length <= maxSegments) return;
      if (segment !== spared) await this.remove(segment);
    }
  }

  async remove(segment: Segment): Promise<void> {
    await this.forget(segment);
    await removeSegment(this.#options.folder, segment.name);
  }

  async forget(segment: Segment): Promise<void> {
    this.index.forget(segment);
    const { file } = segment;
    segment.file = undefined;
    // Waits for what is being read from it. One that could not be opened need not be closed.
    await file?.then((opened) => opened.close()).catch(() => {});
  }
}
