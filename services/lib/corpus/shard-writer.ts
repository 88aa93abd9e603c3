// A domain's token stream into shards. The layout is described in manifest.ts.

import { endianness } from 'node:os';
import { assert } from '#base';
import type { ArtifactStore } from '#store';
import type { CorpusShard } from './manifest.js';
import type { TokenisedBatch } from './tokenise.js';

type Tokens = Pick<TokenisedBatch, 'ids' | 'counted'>;

/** Writes all tokens, in shards of `shardTokens` but for the last. Holds one batch and, where some token does not count, a shard's bits. */
export async function writeShards(
  tokens: AsyncIterable<Tokens>,
  artifacts: ArtifactStore,
  options: { readonly idBytes: 2 | 4; readonly shardTokens: number },
): Promise<CorpusShard[]> {
  // Typed arrays go to files as they lie in memory.
  assert(endianness() === 'LE', 'shards are written on little-endian machines');
  const { idBytes, shardTokens } = options;
  const reader = new TokenReader(tokens);
  const shards: CorpusShard[] = [];
  try {
    while (await reader.hasMore()) {
      const shard = new OpenShard(reader, shardTokens);
      const { digest } = await artifacts.put(shard.bytes());
      shards.push({ digest, tokens: shard.tokens, idBytes, hasMask: shard.hasMask });
    }
  } finally {
    await reader.close();
  }
  return shards;
}

/** Takes tokens from batches in runs of any length. */
class TokenReader {
  readonly #source: AsyncIterator<Tokens>;
  #batch: Tokens | undefined;
  #at = 0;

  constructor(source: AsyncIterable<Tokens>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async hasMore(): Promise<boolean> {
    while (this.#batch === undefined || this.#at === this.#batch.ids.length) {
      const next = await this.#source.next();
      if (next.done) return false;
      this.#batch = next.value;
      this.#at = 0;
    }
    return true;
  }

  /** At most `max` tokens, at least one. Call only after `hasMore` said so. */
  take(max: number): Tokens {
    assert(this.#batch !== undefined, 'there is a batch to take tokens from');
    const { ids, counted } = this.#batch;
    const start = this.#at;
    this.#at = Math.min(ids.length, start + max);
    return { ids: ids.subarray(start, this.#at), counted: counted?.subarray(start, this.#at) };
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

class OpenShard {
  readonly #reader: TokenReader;
  readonly #capacity: number;
  #bits: Uint8Array | undefined;
  tokens = 0;

  constructor(reader: TokenReader, capacity: number) {
    this.#reader = reader;
    this.#capacity = capacity;
  }

  get hasMask(): boolean {
    return this.#bits !== undefined;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    while (this.tokens < this.#capacity && (await this.#reader.hasMore())) {
      const { ids, counted } = this.#reader.take(this.#capacity - this.tokens);
      if (counted !== undefined) this.#clearBits(counted);
      this.tokens += ids.length;
      yield new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
    }
    if (this.#bits !== undefined) yield this.#bits.subarray(0, Math.ceil(this.tokens / 8));
  }

  #clearBits(counted: Uint8Array): void {
    for (let i = 0; i < counted.length; i++) {
      if (counted[i] === 1) continue;
      this.#bits ??= new Uint8Array(Math.ceil(this.#capacity / 8)).fill(0xff);
      const at = this.tokens + i;
      this.#bits[at >> 3] = this.#bits[at >> 3]! & ~(1 << (at & 7));
    }
  }
}
