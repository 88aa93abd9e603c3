// Artifacts on disk: `ab/abcdef...` is the file whose SHA-256 is abcdef...; written aside, synced, then renamed there.

import { createReadStream } from 'node:fs';
import { type FileHandle, link, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DdkError, makeFolder, Sha256, sha256Hex, syncFolder, temporaryPath } from '#base';
import { artifactDamaged, artifactMissing, artifactTooLarge } from './failures.js';
import { digestHex, isPutSince } from './keys.js';
import type { Layout } from './layout.js';
import { failureIn, missing, requireStore } from './presence.js';
import type { ArtifactInfo, ArtifactStore, DeleteOptions, StoredArtifact } from './types.js';

const chunkBytes = 2 ** 20;

export class DiskArtifacts implements ArtifactStore {
  readonly #layout: Layout;
  readonly #root: string;
  /** Digest to the identity of the file that was found sound. */
  readonly #verified = new Map<string, string>();

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#root = layout.artifactsFolder;
  }

  #pathOf(digest: string): string {
    const hex = digestHex(digest);
    return join(this.#root, hex.slice(0, 2), hex);
  }

  async #guard<T>(doing: string, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      throw await failureIn(this.#layout, error, doing);
    }
  }

  async put(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<ArtifactInfo> {
    const temporary = temporaryPath(join(this.#layout.temporaryFolder, 'artifact'));
    const doing = 'writing an artifact';
    try {
      const handle = await this.#guard(doing, () => open(temporary, 'wx', 0o444));
      let info: ArtifactInfo;
      try {
        // An error of the source is the caller's and passes as it is.
        info = await copyAndHash(source, (chunk) => this.#guard(doing, () => writeAll(handle, chunk)));
        await this.#guard(doing, () => handle.sync());
      } finally {
        await handle.close();
      }
      const path = this.#pathOf(info.digest);
      await this.#guard(doing, async () => {
        await makeFolder(dirname(path));
        const known = await identity(temporary);
        // Also where the file exists: this one is known to be sound.
        await rename(temporary, path);
        await syncFolder(dirname(path));
        this.#verified.set(info.digest, known);
      });
      return info;
    } catch (error) {
      // Litter; failing to remove it must not hide what happened. The store sweeps it up later.
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }

  async putFile(path: string): Promise<ArtifactInfo> {
    return this.put(readChunks(path));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.stat(digest)) !== undefined;
  }

  async stat(digest: string): Promise<{ bytes: number } | undefined> {
    const path = this.#pathOf(digest);
    try {
      return { bytes: (await stat(path)).size };
    } catch (error) {
      const doing = `looking for artifact ${digest}`;
      if (!missing(error)) throw await failureIn(this.#layout, error, doing);
      await requireStore(this.#layout, doing);
      return undefined;
    }
  }

  async bytes(digest: string, options: { readonly maxBytes: number }): Promise<Uint8Array> {
    const found = await this.stat(digest);
    if (!found) throw artifactMissing(digest);
    if (found.bytes > options.maxBytes) throw artifactTooLarge(digest, found.bytes, options.maxBytes);
    const data = await this.#guard(`reading artifact ${digest}`, () => readFile(this.#pathOf(digest)));
    const actual = sha256Hex(data);
    if (actual !== digestHex(digest)) throw damagedBy(digest, actual, data.byteLength);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  async localPath(digest: string): Promise<string> {
    const path = this.#pathOf(digest);
    if (!(await this.has(digest))) throw artifactMissing(digest);
    const reading = `reading artifact ${digest}`;
    // The identity is taken before the bytes are read: a file replaced meanwhile is verified again next time.
    const current = await this.#guard(reading, () => identity(path));
    if (this.#verified.get(digest) === current) return path;
    const actual = await this.#guard(reading, () => copyAndHash(readChunks(path), () => Promise.resolve()));
    if (actual.digest !== digest) throw damagedBy(digest, digestHex(actual.digest), actual.bytes);
    this.#verified.set(digest, current);
    return path;
  }

  async *list(): AsyncGenerator<StoredArtifact> {
    const names = async (folder: string, pattern: RegExp): Promise<string[]> =>
      (await this.#guard('listing artifacts', () => readdir(folder)))
        .filter((name) => pattern.test(name))
        .sort();
    for (const group of await names(this.#root, /^[0-9a-f]{2}$/)) {
      for (const hex of await names(join(this.#root, group), /^[0-9a-f]{64}$/)) {
        const digest = `sha256:${hex}`;
        // Deleted since the folder was read: not there any more.
        const found = await stat(this.#pathOf(digest)).catch(() => undefined);
        if (found) yield { digest, bytes: found.size, modifiedMs: found.mtimeMs };
      }
    }
  }

  async delete(digest: string, { unlessPutSinceMs }: DeleteOptions = {}): Promise<void> {
    const path = this.#pathOf(digest);
    const spared = async (file: string): Promise<boolean> =>
      unlessPutSinceMs !== undefined && isPutSince((await stat(file)).mtimeMs, unlessPutSinceMs);
    try {
      if (await spared(path)) return;
      this.#verified.delete(digest);
      // A name is taken away, then what bore it is looked at: whatever is put from here on has the name to itself.
      const aside = temporaryPath(join(this.#layout.temporaryFolder, 'deleted'));
      await rename(path, aside);
      if (await spared(aside)) await putBack(aside, path);
      await unlink(aside);
    } catch (error) {
      if (!missing(error)) throw await failureIn(this.#layout, error, `deleting artifact ${digest}`);
    }
  }
}

/** Unless the same has been put once more meanwhile. */
async function putBack(aside: string, path: string): Promise<void> {
  await link(aside, path).catch((error: unknown) => {
    if (DdkError.from(error).code !== 'already_exists') throw error;
  });
}

function damagedBy(digest: string, actualHex: string, bytes: number): DdkError {
  return artifactDamaged(digest, `its ${bytes} bytes have the digest sha256:${actualHex}`);
}

/** Another file, other bytes or another time of writing give another identity. */
async function identity(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  return `${ino}:${size}:${mtimeNs}`;
}

async function copyAndHash(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<ArtifactInfo> {
  const hash = new Sha256();
  let bytes = 0;
  for await (const chunk of source instanceof Uint8Array ? [source] : source) {
    hash.update(chunk);
    bytes += chunk.byteLength;
    await write(chunk);
  }
  return { digest: `sha256:${hash.hex()}`, bytes };
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    const { bytesWritten } = await handle.write(chunk, at, chunk.byteLength - at);
    at += bytesWritten;
  }
}

async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw DdkError.from(error);
  }
}
