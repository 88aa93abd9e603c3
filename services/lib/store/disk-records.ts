// Records on disk, safe with several processes at once: a revision is a file that only one of them can create.
//
// Record `runs/r1` at revision 7 is the file `runs/r1/@/0000000000000007`; the highest number is the record. A rename
// would not do as a compare-and-set, since it replaces what somebody else has just written.

import { randomBytes } from 'node:crypto';
import { readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFileExclusive, DdkError, failpoint, makeFolder } from '#base';
import { alreadyExists, conflict } from './failures.js';
import { assertKey, assertPrefix, assertValue } from './keys.js';
import type { Layout } from './layout.js';
import { failureIn, missing, requireStore } from './presence.js';
import { decodeRecordFile, encodeRecordFile, type RecordFile } from './record-file.js';
import type { RecordStore, StoredRecord } from './types.js';
import { Changes, watchRecord } from './watch.js';

/** Not a character of keys, so that it cannot be the segment of one. */
const revisionsFolder = '@';
/** Old revisions are kept this long so that a reader rarely has to look twice. */
const keptRevisions = 8;
/** How many revisions back a writer that was held up can still learn what became of its own. */
const lineageLength = 32;
const maxReadAttempts = 1000;

export class DiskRecords implements RecordStore {
  readonly #layout: Layout;
  readonly #root: string;
  readonly #pollMs: number;
  readonly #changes = new Changes();

  constructor(layout: Layout, pollMs: number) {
    this.#layout = layout;
    this.#root = layout.recordsFolder;
    this.#pollMs = pollMs;
  }

  #folderOf(key: string): string {
    return join(this.#root, key, revisionsFolder);
  }

  #pathOf(key: string, revision: number): string {
    return join(this.#folderOf(key), String(revision).padStart(16, '0'));
  }

  /** Ascending. */
  async #revisions(key: string): Promise<number[]> {
    try {
      const names = await readdir(this.#folderOf(key));
      return names
        .filter((name) => /^\d{16}$/.test(name))
        .map(Number)
        .sort((a, b) => a - b);
    } catch (error) {
      const doing = `reading record ${key}`;
      if (!missing(error)) throw await failureIn(this.#layout, error, doing);
      await requireStore(this.#layout, doing);
      return [];
    }
  }

  async #latest(key: string): Promise<RecordFile | undefined> {
    for (let attempt = 0; attempt < maxReadAttempts; attempt += 1) {
      const revision = (await this.#revisions(key)).at(-1);
      if (revision === undefined) return undefined;
      try {
        return decodeRecordFile(await readFile(this.#pathOf(key, revision)), key, revision);
      } catch (error) {
        // Pruned since we looked: newer ones are there.
        if (error instanceof DdkError) throw error;
        if (!missing(error)) throw await failureIn(this.#layout, error, `reading record ${key}`);
      }
    }
    throw new DdkError('unavailable', `Record ${key} changes faster than it can be read; try again.`);
  }

  async get(key: string): Promise<StoredRecord | undefined> {
    assertKey(key);
    const file = await this.#latest(key);
    return file && !file.deleted ? { key, value: file.value, revision: file.revision } : undefined;
  }

  async create(key: string, value: Uint8Array): Promise<number> {
    assertKey(key);
    assertValue(key, value);
    const latest = await this.#latest(key);
    if (latest && !latest.deleted) throw alreadyExists(key);
    const revision = await this.#append(key, latest, value, false);
    if (revision === undefined) throw alreadyExists(key);
    return revision;
  }

  async update(key: string, value: Uint8Array, expectedRevision: number): Promise<number> {
    assertKey(key);
    assertValue(key, value);
    return this.#change(key, value, expectedRevision, false);
  }

  async delete(key: string, expectedRevision: number): Promise<void> {
    assertKey(key);
    await this.#change(key, new Uint8Array(0), expectedRevision, true);
  }

  async #change(key: string, value: Uint8Array, expected: number, deleted: boolean): Promise<number> {
    const latest = await this.#latest(key);
    if (latest?.revision !== expected || latest.deleted) throw conflict(key, expected);
    const revision = await this.#append(key, latest, value, deleted);
    if (revision === undefined) throw conflict(key, expected);
    return revision;
  }

  /** The revision after `latest`, or undefined if somebody else made it. */
  async #append(
    key: string,
    latest: RecordFile | undefined,
    value: Uint8Array,
    deleted: boolean,
  ): Promise<number | undefined> {
    const revision = (latest?.revision ?? 0) + 1;
    const nonce = randomBytes(6).toString('hex');
    const lineage = latest ? [latest.nonce, ...latest.lineage].slice(0, lineageLength) : [];
    const bytes = encodeRecordFile({ revision, nonce, lineage, deleted, value });
    let created: boolean;
    try {
      const path = this.#pathOf(key, revision);
      await makeFolder(dirname(path));
      failpoint('store.record.before_create');
      created = await createFileExclusive(path, bytes, { temporaryFolder: this.#layout.temporaryFolder });
      failpoint('store.record.after_create');
    } catch (error) {
      throw await failureIn(this.#layout, error, `writing record ${key}`);
    }
    if (!created || !(await this.#stands(key, revision, nonce))) return undefined;
    this.#changes.announce();
    await this.#prune(key, revision);
    return revision;
  }

  /**
   * Whether the revision just created is the record or one of its ancestors. A writer that was held up between looking
   * and creating may have created a number that others had made, gone past and pruned; the record does not descend
   * from that one. The nonces say which it is.
   */
  async #stands(key: string, revision: number, nonce: string): Promise<boolean> {
    const latest = await this.#latest(key);
    if (!latest) return false;
    const distance = latest.revision - revision;
    return distance === 0 ? latest.nonce === nonce : latest.lineage[distance - 1] === nonce;
  }

  async #prune(key: string, current: number): Promise<void> {
    for (const revision of await this.#revisions(key)) {
      if (revision > current - keptRevisions) return;
      // Another process may have been first, or the store may have become read-only: the record is as it should be.
      await unlink(this.#pathOf(key, revision)).catch(() => undefined);
    }
  }

  async #keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    const visit = async (folder: string): Promise<void> => {
      const entries = await readdir(join(this.#root, folder)).catch(async (error: unknown) => {
        const doing = `listing records under ${prefix}`;
        if (!missing(error)) throw await failureIn(this.#layout, error, doing);
        await requireStore(this.#layout, doing);
        return [];
      });
      for (const name of entries) {
        if (name === revisionsFolder) {
          if (folder.startsWith(prefix)) keys.push(folder);
          continue;
        }
        const below = folder === '' ? name : `${folder}/${name}`;
        if (below.startsWith(prefix) || prefix.startsWith(`${below}/`)) await visit(below);
      }
    };
    await visit('');
    return keys.sort();
  }

  async list(prefix: string): Promise<StoredRecord[]> {
    assertPrefix(prefix);
    const records: StoredRecord[] = [];
    for (const key of await this.#keys(prefix)) {
      const record = await this.get(key);
      if (record) records.push(record);
    }
    return records;
  }

  watch(key: string, signal: AbortSignal): AsyncIterable<StoredRecord> {
    assertKey(key);
    const head = async (): Promise<number | undefined> => (await this.#revisions(key)).at(-1);
    const watched = { head, get: () => this.get(key) };
    return watchRecord(watched, this.#changes, { signal, pollMs: this.#pollMs });
  }
}
