// The store in memory: for tests and for runs that nobody wants to keep.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DdkError, Sha256, systemClock } from '#base';
import { alreadyExists, artifactMissing, artifactTooLarge, conflict } from './failures.js';
import { assertKey, assertPrefix, assertValue, digestHex, isPutSince } from './keys.js';
import type {
  ArtifactInfo,
  ArtifactStore,
  DeleteOptions,
  RecordStore,
  Store,
  StoredRecord,
} from './types.js';
import { Changes, watchRecord } from './watch.js';

/** One counter for all keys, as in NATS, so that nobody comes to rely on revisions being consecutive. */
function memoryRecords(): RecordStore {
  const records = new Map<string, StoredRecord>();
  const changes = new Changes();
  let revision = 0;

  const copy = (record: StoredRecord): StoredRecord => ({ ...record, value: record.value.slice() });
  const set = (key: string, value: Uint8Array): number => {
    revision += 1;
    records.set(key, { key, value: value.slice(), revision });
    changes.announce();
    return revision;
  };
  const assertRevision = (key: string, expected: number): void => {
    if (records.get(key)?.revision !== expected) throw conflict(key, expected);
  };
  const under = (prefix: string): StoredRecord[] =>
    [...records.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  const get = async (key: string): Promise<StoredRecord | undefined> => {
    assertKey(key);
    const record = records.get(key);
    return record && copy(record);
  };

  return {
    get,
    async create(key, value) {
      assertKey(key);
      assertValue(key, value);
      if (records.has(key)) throw alreadyExists(key);
      return set(key, value);
    },
    async update(key, value, expectedRevision) {
      assertKey(key);
      assertValue(key, value);
      assertRevision(key, expectedRevision);
      return set(key, value);
    },
    async delete(key, expectedRevision) {
      assertKey(key);
      assertRevision(key, expectedRevision);
      records.delete(key);
    },
    async list(prefix) {
      assertPrefix(prefix);
      return under(prefix).map(copy);
    },
    watch(key, signal) {
      assertKey(key);
      const head = async (): Promise<number | undefined> => records.get(key)?.revision;
      return watchRecord({ head, get: () => get(key) }, changes, { signal, pollMs: undefined });
    },
  };
}

interface Held {
  readonly data: Uint8Array;
  readonly modifiedMs: number;
}

class MemoryArtifacts implements ArtifactStore {
  readonly #held = new Map<string, Held>();
  /** Made when somebody first asks for a file. */
  #folder: Promise<string> | undefined;

  #find(digest: string): Held {
    digestHex(digest);
    const held = this.#held.get(digest);
    if (!held) throw artifactMissing(digest);
    return held;
  }

  async put(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<ArtifactInfo> {
    const chunks: Uint8Array[] = [];
    if (source instanceof Uint8Array) chunks.push(source);
    else for await (const chunk of source) chunks.push(chunk.slice());
    const data = new Uint8Array(Buffer.concat(chunks));
    const digest = `sha256:${new Sha256().update(data).hex()}`;
    this.#held.set(digest, { data, modifiedMs: systemClock.now() });
    return { digest, bytes: data.byteLength };
  }

  async putFile(path: string): Promise<ArtifactInfo> {
    const data = await readFile(path).catch((error) => Promise.reject(DdkError.from(error)));
    return this.put(data);
  }

  async has(digest: string): Promise<boolean> {
    digestHex(digest);
    return this.#held.has(digest);
  }

  async stat(digest: string): Promise<{ bytes: number } | undefined> {
    digestHex(digest);
    const held = this.#held.get(digest);
    return held && { bytes: held.data.byteLength };
  }

  async bytes(digest: string, options: { readonly maxBytes: number }): Promise<Uint8Array> {
    const { data } = this.#find(digest);
    if (data.byteLength > options.maxBytes) throw artifactTooLarge(digest, data.byteLength, options.maxBytes);
    return data.slice();
  }

  async localPath(digest: string): Promise<string> {
    const { data } = this.#find(digest);
    this.#folder ??= mkdtemp(join(tmpdir(), 'ddk-store-'));
    const path = join(await this.#folder, digestHex(digest));
    await writeFile(path, data, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      // Asked for before.
      if (error.code !== 'EEXIST') throw DdkError.from(error);
    });
    return path;
  }

  async *list(): AsyncGenerator<{ digest: string; bytes: number; modifiedMs: number }> {
    for (const [digest, { data, modifiedMs }] of [...this.#held])
      yield { digest, bytes: data.byteLength, modifiedMs };
  }

  async delete(digest: string, { unlessPutSinceMs }: DeleteOptions = {}): Promise<void> {
    const hex = digestHex(digest);
    if (isPutSince(this.#held.get(digest)?.modifiedMs, unlessPutSinceMs)) return;
    this.#held.delete(digest);
    if (this.#folder) await rm(join(await this.#folder, hex), { force: true });
  }

  async close(): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true });
    this.#held.clear();
  }
}

/** A store that lives as long as this process. Artifacts are held in memory whole. */
export function openMemoryStore(): Store {
  const artifacts = new MemoryArtifacts();
  return {
    records: memoryRecords(),
    artifacts,
    check: () => Promise.resolve(),
    close: () => artifacts.close(),
  };
}
