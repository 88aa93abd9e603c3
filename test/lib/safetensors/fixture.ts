// Files with a hand-made header.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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
