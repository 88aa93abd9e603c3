// Targets on disk by content, least recently used out first. Losing an entry costs a scoring and nothing else, so files
// are not synced one by one; each carries its checksum instead.
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { assert, DdkError, formatBytes, type Logger, Sha256, temporaryPath } from '#base';

export interface TargetCache {
  /** What was kept under the key; undefined if it is not there or damaged. */
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, payload: Uint8Array): Promise<void>;
  /** Bytes on disk. */
  readonly bytes: number;
}

export interface TargetCacheOptions {
  readonly folder: string;
  /** Default 1 GiB. */
  readonly maxBytes?: number;
  readonly logger: Logger;
}

const checksumBytes = 32;
const defaultMaxBytes = 1024 ** 3;
const keyPattern = /^[0-9a-f]{64}$/;

/** Where the cache of a data folder (DDK_DATA) is. */
export function targetCacheFolder(data: string): string {
  return path.join(data, 'cache', 'targets');
}

/** Opens the cache, which several processes may share; each bounds what it knows of. */
export async function openTargetCache(options: TargetCacheOptions): Promise<TargetCache> {
  const { folder, logger } = options;
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  /** Sizes by key in order of use, the least recent first. */
  const sizes = await scan(folder);
  let total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  let refused = false;

  const fileOf = (key: string): string => path.join(folder, key.slice(0, 2), key);
  const forget = (key: string): void => {
    total -= sizes.get(key) ?? 0;
    sizes.delete(key);
  };
  const remember = (key: string, bytes: number): void => {
    forget(key);
    sizes.set(key, bytes);
    total += bytes;
  };
  const shrink = async (): Promise<void> => {
    for (const key of sizes.keys()) {
      if (total <= maxBytes) return;
      forget(key);
      await rm(fileOf(key), { force: true });
    }
  };

  return {
    get bytes() {
      return total;
    },
    async get(key) {
      assert(keyPattern.test(key), 'a key is 64 hexadecimal digits');
      let file: Buffer;
      try {
        file = await readFile(fileOf(key));
      } catch {
        // Never kept, or put out by another process.
        forget(key);
        return undefined;
      }
      const payload = file.subarray(checksumBytes);
      if (!checksum(payload).equals(file.subarray(0, checksumBytes))) {
        logger.warn({ key }, 'targets kept on disk are damaged; they are scored again');
        forget(key);
        await rm(fileOf(key), { force: true });
        return undefined;
      }
      remember(key, file.byteLength);
      return payload;
    },
    async put(key, payload) {
      assert(keyPattern.test(key), 'a key is 64 hexadecimal digits');
      const file = fileOf(key);
      try {
        await mkdir(path.dirname(file), { recursive: true });
        const temporary = temporaryPath(file);
        await writeFile(temporary, Buffer.concat([checksum(payload), payload]));
        await rename(temporary, file);
        remember(key, checksumBytes + payload.byteLength);
        await shrink();
      } catch (error) {
        // A full disk costs speed, not the run; its checkpoints will say so if there is no room for them either.
        if (!refused)
          logger.warn(
            { err: DdkError.from(error), used: formatBytes(total) },
            'targets cannot be kept on disk',
          );
        refused = true;
      }
    },
  };
}

function checksum(payload: Uint8Array): Buffer {
  return Buffer.from(new Sha256().update(payload).hex(), 'hex');
}

/** Entries on disk, the oldest first; what a killed process left half-written is removed. */
async function scan(folder: string): Promise<Map<string, number>> {
  await mkdir(folder, { recursive: true });
  const found: { key: string; bytes: number; atMs: number }[] = [];
  for (const group of await readdir(folder)) {
    if (!/^[0-9a-f]{2}$/.test(group)) continue;
    for (const key of await readdir(path.join(folder, group))) {
      const file = path.join(folder, group, key);
      const info = await stat(file).catch(() => undefined);
      if (info === undefined) continue;
      if (keyPattern.test(key)) found.push({ key, bytes: info.size, atMs: info.mtimeMs });
      else if (Date.now() - info.mtimeMs > 60_000) await rm(file, { force: true });
    }
  }
  found.sort((a, b) => a.atMs - b.atMs || (a.key < b.key ? -1 : 1));
  return new Map(found.map(({ key, bytes }) => [key, bytes]));
}
