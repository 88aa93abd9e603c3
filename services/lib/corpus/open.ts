// A corpus as it is read: windows by position, never a shard as a whole.

import { DdkError } from '#base';
import type { ArtifactStore } from '#store';
import { FileHandles } from './file-handles.js';
import {
  type CorpusDomain,
  type CorpusManifest,
  type CorpusShard,
  decodeManifest,
  idBytesFor,
} from './manifest.js';
import type { Window } from './window.js';

export interface Corpus {
  readonly manifest: CorpusManifest;
  /** Training window `index` (0 to trainWindows - 1) of a domain. Throws `invalid_argument` for one that is not there. */
  window(domain: number, index: number): Promise<Window>;
  /** The samples of a domain, always in the same order. */
  validation(domain: number): AsyncIterable<Window>;
  close(): Promise<void>;
}

const maxManifestBytes = 64 << 20;
const openFiles = 16;

/** Opens a corpus by the digest of its manifest. Shards are looked for when they are first read. */
export async function openCorpus(digest: string, artifacts: ArtifactStore): Promise<Corpus> {
  const manifest = decodeManifest(await artifacts.bytes(digest, { maxBytes: maxManifestBytes }), digest);
  return new StoredCorpus(manifest, artifacts);
}

class StoredCorpus implements Corpus {
  readonly manifest: CorpusManifest;
  readonly #files: FileHandles;
  /** By domain, by shard: position of its first token in the domain's stream. */
  readonly #starts: readonly (readonly number[])[];

  constructor(manifest: CorpusManifest, artifacts: ArtifactStore) {
    this.manifest = manifest;
    this.#files = new FileHandles(openFiles, (digest) => artifacts.localPath(digest));
    this.#starts = manifest.domains.map(({ shards }) => {
      let start = 0;
      return shards.map(({ tokens }) => {
        start += tokens;
        return start - tokens;
      });
    });
  }

  async window(domain: number, index: number): Promise<Window> {
    const { name, trainWindows } = this.#domain(domain);
    if (!Number.isSafeInteger(index) || index < 0 || index >= trainWindows) {
      throw new DdkError(
        'invalid_argument',
        `Domain ${JSON.stringify(name)} has training windows 0 to ${trainWindows - 1}, not ${index}.`,
      );
    }
    const { sequenceLength } = this.manifest;
    const ids = new Int32Array(sequenceLength + 1);
    const counted = new Uint8Array(sequenceLength + 1);
    const start = index * sequenceLength;
    let done = 0;
    for (const { shard, from, count } of this.#pieces(domain, start, sequenceLength + 1)) {
      const idBytes = await this.#files.read(shard.digest, from * shard.idBytes, count * shard.idBytes);
      ids.set(idsOf(idBytes, shard.idBytes), done);
      counted.set(await this.#counted(shard, from, count), done);
      done += count;
    }
    return { ids, mask: counted.subarray(1) };
  }

  async *validation(domain: number): AsyncGenerator<Window> {
    const { validation, validationSamples } = this.#domain(domain);
    const { sequenceLength, vocabSize } = this.manifest;
    const idBytes = idBytesFor(vocabSize);
    const maskStart = (sequenceLength + 1) * idBytes;
    const recordBytes = maskStart + sequenceLength;
    for (let i = 0; i < validationSamples; i++) {
      const record = await this.#files.read(validation.digest, i * recordBytes, recordBytes);
      yield { ids: idsOf(record.slice(0, maskStart), idBytes), mask: record.slice(maskStart) };
    }
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  #domain(id: number): CorpusDomain {
    const domain = this.manifest.domains[id];
    if (domain !== undefined) return domain;
    const known = this.manifest.domains.length;
    throw new DdkError(
      'invalid_argument',
      `There is no domain ${id}: the corpus has domains 0 to ${known - 1}.`,
    );
  }

  /** Where `count` tokens from `start` of a domain's stream lie. */
  *#pieces(
    domain: number,
    start: number,
    count: number,
  ): Generator<{ shard: CorpusShard; from: number; count: number }> {
    const { shards } = this.#domain(domain);
    const starts = this.#starts[domain]!;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= start) low = middle;
      else high = middle - 1;
    }
    let at = start;
    for (let i = low; at < start + count; i++) {
      const shard = shards[i]!;
      const from = at - starts[i]!;
      const length = Math.min(start + count - at, shard.tokens - from);
      yield { shard, from, count: length };
      at += length;
    }
  }

  async #counted(shard: CorpusShard, from: number, count: number): Promise<Uint8Array> {
    const counted = new Uint8Array(count).fill(1);
    if (!shard.hasMask) return counted;
    const firstByte = from >> 3;
    const bytes = ((from + count - 1) >> 3) - firstByte + 1;
    const bits = await this.#files.read(shard.digest, shard.tokens * shard.idBytes + firstByte, bytes);
    for (let i = 0; i < count; i++) {
      const at = from + i;
      counted[i] = (bits[(at >> 3) - firstByte]! >> (at & 7)) & 1;
    }
    return counted;
  }
}

function idsOf(bytes: Uint8Array<ArrayBuffer>, idBytes: 2 | 4): Int32Array {
  return Int32Array.from(idBytes === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer));
}
