// Writing a safetensors file one tensor at a time, in one canonical form.

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DdkError, Sha256, syncFolder, temporaryPath } from '#base';
import { dtypeByteLength, type SafetensorsDtype } from './dtype.js';
import { lengthFieldBytes, maxHeaderBytes } from './header.js';

export interface TensorSource {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Called once, when this tensor is next to be written, so that only one needs to be in memory. */
  readonly data: () => Uint8Array | Promise<Uint8Array>;
}

/** The data starts at a multiple of this, so that tensors can be mapped and handed to vector code as they lie. */
const dataAlignment = 64;

/** Hashing and writing go in pieces of this size, so that neither holds the thread for long. */
const pieceBytes = 8 << 20;

/**
 * Writes tensors so that equal tensors and metadata always give equal bytes: tensors lie in the order of element size
 * (largest first, so that each is aligned) and then of name, metadata is sorted, and the header is padded with spaces.
 * The file appears under its name only when it is complete and on the disk.
 *
 * Throws `invalid_argument` for equal names or data of the wrong length; nothing is left behind on an error.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  // Before anything is written: names may be equal, or too many.
  const pieces = safetensorsPieces(tensors, metadata);
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, 'wx');
    const written = await writeAll(file, pieces).finally(() => file.close());
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return written;
  } catch (error) {
    await rm(temporary, { force: true });
    throw DdkError.from(error);
  }
}

/**
 * The bytes that {@link writeSafetensors} writes, in pieces of at most 8 MiB, which are views of what `data` gives.
 * Throws at once for equal names and for too many of them, and while it is read for data of the wrong length.
 */
export function safetensorsPieces(
  tensors: Iterable<TensorSource>,
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const sorted = canonicalOrder(tensors);
  return piecesOf(encodeHeader(sorted, metadata), sorted);
}

async function* piecesOf(header: Uint8Array, tensors: readonly TensorSource[]): AsyncGenerator<Uint8Array> {
  yield header;
  for (const tensor of tensors) {
    const data = await tensor.data();
    if (data.byteLength !== byteLengthOf(tensor)) {
      throw new DdkError(
        'invalid_argument',
        `Tensor ${JSON.stringify(tensor.name)} is ${tensor.dtype} [${tensor.shape.join(', ')}], ` +
          `${byteLengthOf(tensor)} bytes, and was given ${data.byteLength}.`,
      );
    }
    for (let at = 0; at < data.byteLength; at += pieceBytes) yield data.subarray(at, at + pieceBytes);
  }
}

async function writeAll(file: FileHandle, pieces: AsyncIterable<Uint8Array>) {
  const sha = new Sha256();
  let bytes = 0;
  for await (const piece of pieces) {
    sha.update(piece);
    for (let done = 0; done < piece.byteLength; ) {
      done += (await file.write(piece, done, piece.byteLength - done)).bytesWritten;
    }
    bytes += piece.byteLength;
  }
  await file.sync();
  return { sha256: sha.hex(), bytes };
}

function canonicalOrder(tensors: Iterable<TensorSource>): TensorSource[] {
  const sorted = [...tensors].sort(
    (a, b) => dtypeByteLength(b.dtype) - dtypeByteLength(a.dtype) || compareBytes(a.name, b.name),
  );
  const names = new Set<string>(['__metadata__']);
  for (const { name } of sorted) {
    if (names.has(name)) {
      throw new DdkError(
        'invalid_argument',
        `Tensor name ${JSON.stringify(name)} is taken; names must differ.`,
      );
    }
    names.add(name);
  }
  return sorted;
}

function encodeHeader(
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const members: string[] = [];
  const keys = Object.keys(metadata).sort(compareBytes);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    members.push(`"__metadata__":{${pairs.join(',')}}`);
  }
  let at = 0;
  for (const tensor of tensors) {
    const end = at + byteLengthOf(tensor);
    const { dtype, shape } = tensor;
    members.push(
      `${JSON.stringify(tensor.name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`,
    );
    at = end;
  }
  const json = Buffer.from(`{${members.join(',')}}`, 'utf8');
  const dataStart = Math.ceil((lengthFieldBytes + json.byteLength) / dataAlignment) * dataAlignment;
  if (dataStart > maxHeaderBytes) {
    throw new DdkError(
      'resource_exhausted',
      `A safetensors header may have ${maxHeaderBytes} bytes at most.`,
    );
  }
  const header = Buffer.alloc(dataStart, ' ');
  header.writeBigUInt64LE(BigInt(dataStart - lengthFieldBytes));
  json.copy(header, lengthFieldBytes);
  return header;
}

function byteLengthOf({ dtype, shape }: TensorSource): number {
  return shape.reduce((product, dim) => product * dim, dtypeByteLength(dtype));
}

/** Order of the UTF-8 bytes, which is the reference implementation's. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
