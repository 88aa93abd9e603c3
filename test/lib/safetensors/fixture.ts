// A folder of its own for a test, and files with a hand-made header.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-safetensors-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A file with exactly this header text and this many zero bytes of data. */
export async function writeRaw(
  folder: string,
  header: string,
  dataBytes: number,
  announced?: bigint,
): Promise<string> {
  const json = Buffer.from(header, 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(announced ?? BigInt(json.byteLength));
  const path = join(folder, 'file.safetensors');
  await writeFile(path, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return path;
}
