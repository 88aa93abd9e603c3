// Reading a safetensors file: the header once, then tensors by position.

import { type FileHandle, open } from 'node:fs/promises';
import { assert, DdkError, floatsFromBfloat16s, floatsFromHalves } from '#base';
import { weightDtype } from './dtype.js';
import {
  lengthFieldBytes,
  maxHeaderBytes,
  parseHeader,
  refused,
  type SafetensorsHeader,
  type TensorEntry,
} from './header.js';

/** One read call moves at most this much; the kernel's limit is a little under 2 GiB. */
const maxReadBytes = 1 << 30;

/**
 * Reads and checks the header of a safetensors file; no tensor is read.
 * Throws `not_found` where there is no such file and `invalid_argument` where it is not well formed.
 */
export async function readHeader(path: string): Promise<SafetensorsHeader> {
  return withFile(path, async (file) => {
    const found = await file.stat();
    if (!found.isFile()) throw refused(path, 'it is a folder or a device');
    const { size } = found;
    if (size < lengthFieldBytes) throw refused(path, `it has ${size} bytes, fewer than its length field`);
    const field = Buffer.from(await readAt(file, 0, new Uint8Array(lengthFieldBytes), path));
    const length = field.readBigUInt64LE();
    const limit = Math.min(maxHeaderBytes, size - lengthFieldBytes);
    if (length > limit) {
      throw refused(path, `it announces a header of ${length} bytes, and at most ${limit} are possible`);
    }
    const json = await readAt(file, lengthFieldBytes, new Uint8Array(Number(length)), path);
    return parseHeader(json, size, path);
  });
}

/**
 * The bytes of one tensor, in a buffer of their own (so that typed arrays can be laid over them), or in `into`, which
 * then has the tensor's length.
 */
export async function readTensor(
  path: string,
  entry: TensorEntry,
  into: Uint8Array<ArrayBuffer> = new Uint8Array(entry.byteLength),
): Promise<Uint8Array<ArrayBuffer>> {
  assert(into.byteLength === entry.byteLength, `room for the ${entry.byteLength} bytes of ${entry.name}`);
  return withFile(path, (file) => readAt(file, entry.offset, into, path));
}

/** One tensor as float32. F16 and BF16 are upcast exactly; other element types are refused. */
export async function readFloat32(path: string, entry: TensorEntry): Promise<Float32Array> {
  return toFloat32(await readTensor(path, entry), entry);
}

/** Bytes of a tensor as float32 values; the bytes must start at a multiple of the element size. */
export function toFloat32(
  bytes: Uint8Array<ArrayBuffer>,
  entry: Pick<TensorEntry, 'name' | 'dtype'>,
): Float32Array {
  switch (weightDtype(entry)) {
    case 'F32':
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    case 'F16':
      return floatsFromHalves(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
    case 'BF16':
      return floatsFromBfloat16s(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  }
}

async function withFile<T>(path: string, body: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    const known = DdkError.from(cause);
    throw new DdkError(known.code, `${path} cannot be opened (${cause.code ?? cause.message}).`, { cause });
  });
  try {
    return await body(file);
  } finally {
    await file.close();
  }
}

/** Fills `bytes` from `offset` on. */
async function readAt(
  file: FileHandle,
  offset: number,
  bytes: Uint8Array<ArrayBuffer>,
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  for (let done = 0; done < bytes.byteLength; ) {
    const want = Math.min(bytes.byteLength - done, maxReadBytes);
    const { bytesRead } = await file.read(bytes, done, want, offset + done);
    if (bytesRead === 0) {
      throw new DdkError(
        'data_loss',
        `${path} ended at byte ${offset + done}; it was cut short while in use.`,
      );
    }
    done += bytesRead;
  }
  return bytes;
}
