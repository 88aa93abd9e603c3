// Targets on disk by content, the least recently used out first. Losing an entry costs a scoring and nothing else, so files
// are not synced; every record carries a checksum instead.
//
// A process appends to a segment of its own, all that is put in one turn of the event loop in one write, and knows from
// memory what is where: a miss touches no file. Segments go whole, others' too: who has one open can still use it.
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { assert, type Clock, createTurns, DdkError, formatBytes, type Logger, systemClock } from '#base';
import { listSegments } from './segment-folder.js';
import { groupBytes, groupsOf, type KeyedPayload, packGroup, payloadOf } from './segment-format.js';
import type { Segment } from './segment-index.js';
import { Segments } from './segments.js';

export interface TargetCache {
  /** What was kept under the key; undefined if it is not there or damaged. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Resolves once it is written, or cannot be. The payload must not change until then. */
  put(key: string, payload: Uint8Array): Promise<void>;
  /** Learns what other processes have kept, or removed, since this one last looked. */
  refresh(): Promise<void>;
  /** Bytes on disk, of all processes as far as this one knows. */
  readonly bytes: number;
  /** Waits for what is being written. From then on nothing is found and nothing kept. */
  close(): Promise<void>;
}

export interface TargetCacheOptions {
  readonly folder: string;
  /** Default 1 GiB. */
  readonly maxBytes?: number;
  /** Entries known of, each some 200 bytes of memory; beyond, as beyond `maxBytes`, segments go. Default 200,000. */
  readonly maxEntries?: number;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** How long a disk that refused is left alone. */
const refusalMs = 60_000;
const keyPattern = /^[0-9a-f]{64}$/;

/** Where the cache of a data folder (DDK_DATA) is. */
export function targetCacheFolder(data: string): string {
  return path.join(data, 'cache', 'targets');
}

/** Opens the cache, which several processes may share; each bounds what it knows of. */
export async function openTargetCache(options: TargetCacheOptions): Promise<TargetCache> {
  const { folder, maxBytes = 1024 ** 3, maxEntries = 200_000, logger, clock = systemClock } = options;
  const cache = new SegmentedCache({ folder, maxBytes, maxEntries, logger, clock });
  await cache.refresh();
  return cache;
}

class SegmentedCache implements TargetCache {
  readonly #options: Required<TargetCacheOptions>;
  readonly #segments: Segments;
  /** Whoever adds or removes segments, or appends to one, waits for its turn. */
  readonly #inTurn = createTurns();
  /** The one that this process appends to. */
  #active: Segment | undefined;
  readonly #waiting: KeyedPayload[] = [];
  /** Settled once those that wait are written. */
  #written: Promise<void> | undefined;
  #isRefused = false;
  #refusedUntilMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: Required<TargetCacheOptions>) {
    this.#options = options;
    this.#segments = new Segments(options);
  }

  get bytes(): number {
    return this.#segments.index.bytes;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    assert(keyPattern.test(key), 'a key is 64 hexadecimal digits');
    const { index } = this.#segments;
    const entry = index.find(key);
    if (entry === undefined) return undefined;
    const payload = payloadOf(key, await this.#segments.read(entry));
    if (payload !== undefined) index.touch(entry.segment);
    else if (index.holds(entry.segment)) {
      this.#options.logger.warn({ key }, 'targets kept on disk are damaged; they are scored again');
      index.forgetEntry(key, entry);
    }
    return payload;
  }

  put(key: string, payload: Uint8Array): Promise<void> {
    assert(keyPattern.test(key), 'a key is 64 hexadecimal digits');
    const record = { key, payload };
    if (groupBytes([record]) > this.#options.maxBytes) return Promise.resolve();
    this.#waiting.push(record);
    this.#written ??= this.#inTurn(async () => {
      await setImmediate();
      this.#written = undefined;
      await this.#write(this.#waiting.splice(0));
    });
    return this.#written;
  }

  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isClosed) return;
      const { folder, logger } = this.#options;
      const { index } = this.#segments;
      try {
        const files = await listSegments(folder);
        const names = new Set(files.map(({ name }) => name));
        for (const one of index.segments) if (!names.has(one.name)) await this.#segments.forget(one);
        if (this.#active && !index.holds(this.#active)) this.#active = undefined;
        for (const file of files) {
          const lost = await this.#segments.learn(file);
          if (lost > 0) logger.warn({ file: file.name, lost }, 'the end of a file of targets is damaged');
          await this.#segments.makeRoom(0, this.#active);
        }
      } catch (error) {
        this.#refuse('targets kept on disk cannot be read', error);
      }
    });
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#isClosed = true;
      for (const segment of this.#segments.index.segments) await this.#segments.forget(segment);
    });
  }

  async #write(records: readonly KeyedPayload[]): Promise<void> {
    const { clock } = this.#options;
    if (this.#isClosed || clock.monotonicMs() < this.#refusedUntilMs) return;
    try {
      const { mostBytes, mostRecords } = this.#segments;
      for (const group of groupsOf(records, mostBytes, mostRecords)) await this.#append(group);
      this.#isRefused = false;
    } catch (error) {
      // A full disk costs speed, not the run; its checkpoints will say so if there is no room for them either.
      this.#refuse('targets cannot be kept on disk', error);
      this.#refusedUntilMs = clock.monotonicMs() + refusalMs;
      // No group can follow half of one.
      if (this.#active) await this.#segments.cut(this.#active);
      this.#active = undefined;
    }
  }

  async #append(records: readonly KeyedPayload[]): Promise<void> {
    const { index, mostBytes, mostRecords } = this.#segments;
    const bytes = groupBytes(records);
    const fits = (segment: Segment): boolean =>
      segment.bytes + bytes <= mostBytes && segment.records + records.length <= mostRecords;
    if (this.#active && !fits(this.#active)) this.#active = undefined;
    await this.#segments.makeRoom(bytes, this.#active);
    this.#active ??= await this.#segments.create();
    const segment = this.#active;
    const { buffers, places } = packGroup(records, segment.bytes);
    const file = await this.#segments.file(segment);
    const { bytesWritten } = await file.writev(buffers);
    if (bytesWritten < bytes) {
      throw new DdkError(
        'resource_exhausted',
        `Only ${bytesWritten} of ${bytes} bytes fit into ${this.#options.folder}; is the disk full?`,
      );
    }
    index.grow(segment, places, segment.bytes + bytes);
  }

  /** Said once, until something was kept again. */
  #refuse(what: string, error: unknown): void {
    const used = formatBytes(this.bytes);
    if (!this.#isRefused) this.#options.logger.warn({ err: DdkError.from(error), used }, what);
    this.#isRefused = true;
  }
}
