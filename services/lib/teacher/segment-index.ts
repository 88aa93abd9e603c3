// Which record is in which segment, and which segment was used when: the memory of a cache, without its files.
import type { FileHandle } from 'node:fs/promises';
import type { RecordPlace } from './segment-format.js';

export interface Segment {
  /** Its file's name in the folder. */
  readonly name: string;
  /** Bytes of its whole groups. */
  bytes: number;
  /** Records in them, those that were replaced since included. */
  records: number;
  /** Whether what follows them is known to be no group. */
  hasBadTail: boolean;
  /** Opened when it is first needed. */
  file?: Promise<FileHandle> | undefined;
}

export interface IndexEntry {
  readonly segment: Segment;
  readonly at: number;
  readonly bytes: number;
}

export class SegmentIndex {
  readonly #entries = new Map<string, IndexEntry>();
  /** In order of use, the least recent first. */
  readonly #segments = new Map<string, Segment>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get entries(): number {
    return this.#entries.size;
  }

  get segments(): readonly Segment[] {
    return [...this.#segments.values()];
  }

  find(key: string): IndexEntry | undefined {
    return this.#entries.get(key);
  }

  segment(name: string): Segment | undefined {
    return this.#segments.get(name);
  }

  holds(segment: Segment): boolean {
    return this.#segments.get(segment.name) === segment;
  }

  add(name: string): Segment {
    const segment: Segment = { name, bytes: 0, records: 0, hasBadTail: false };
    this.#segments.set(name, segment);
    return segment;
  }

  /** Records that follow the ones known of, up to byte `end`; one whose key is known takes its place. */
  grow(segment: Segment, places: readonly RecordPlace[], end: number): void {
    for (const { key, at, bytes } of places) this.#entries.set(key, { segment, at, bytes });
    this.#bytes += end - segment.bytes;
    segment.bytes = end;
    segment.records += places.length;
    this.touch(segment);
  }

  touch(segment: Segment): void {
    if (!this.holds(segment)) return;
    this.#segments.delete(segment.name);
    this.#segments.set(segment.name, segment);
  }

  forgetEntry(key: string, entry: IndexEntry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  /** Looks through all entries; a segment holds a good part of them. */
  forget(segment: Segment): void {
    if (!this.holds(segment)) return;
    this.#segments.delete(segment.name);
    this.#bytes -= segment.bytes;
    for (const [key, entry] of this.#entries) if (entry.segment === segment) this.#entries.delete(key);
  }
}
