// The bytes of a file in pieces, plain or gzip, and those of a text file in lines.

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { DdkError } from '#base';
import { unreadable } from './sources.js';

const chunkBytes = 1 << 20;
const minChunkBytes = 1 << 12;

/** A record is held in memory whole, several times over while it is tokenised. */
const maxLineBytes = 32 << 20;

/** Told how many bytes of the file have been read since the last call. */
export type OnRead = (bytes: number) => void;

/** Pieces of a file. Each is valid until the next is asked for: they share one buffer. */
export async function* fileChunks(path: string, onRead: OnRead): AsyncGenerator<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    // Corpora of many small files are common, and a megabyte for each would keep the allocator busy.
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, Math.max(size, minChunkBytes)));
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null).catch((error: unknown) => {
        throw unreadable(path, error);
      });
      if (bytesRead === 0) return;
      onRead(bytesRead);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Pieces of what a gzip file holds; several members one after the other are read as one. */
export async function* gunzipChunks(path: string, onRead: OnRead): AsyncGenerator<Buffer> {
  const source = createReadStream(path, { highWaterMark: 1 << 16 });
  source.on('data', (chunk) => onRead(chunk.length));
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  // Piping does not pass errors on; without this a reader would wait for ever.
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) {
      throw new DdkError(
        'invalid_argument',
        `${path} is not a sound gzip file (${(error as Error).message}); replace it or leave it out.`,
        { cause: error },
      );
    }
    throw unreadable(path, error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

export interface Line {
  /** Without its line end. Valid until the next line is asked for. */
  readonly bytes: Buffer;
  /** Counted from 1. */
  readonly number: number;
  /** Position of its first byte in the (unpacked) file. */
  readonly offset: number;
}

/** Lines of at most `maxLineBytes`; a byte order mark at the beginning is left out. */
export async function* readLines(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Line> {
  // The beginning of a line that began in chunks before this one.
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let number = 1;
  let offset = 0;
  const finish = (tail: Buffer): Line => {
    const whole = begunBytes === 0 ? tail : Buffer.concat([...begun, tail]);
    const line = { bytes: trimLine(whole, number === 1), number, offset };
    offset += whole.byteLength + 1;
    number += 1;
    begun = [];
    begunBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield finish(chunk.subarray(start, end));
      start = end + 1;
    }
    begunBytes += chunk.byteLength - start;
    if (begunBytes > maxLineBytes) {
      throw new DdkError(
        'invalid_argument',
        `${path}, line ${number} is longer than ${maxLineBytes} bytes; split the record into several.`,
      );
    }
    // A copy, since the chunk's buffer is about to be used again.
    if (start < chunk.byteLength) begun.push(Buffer.from(chunk.subarray(start)));
  }
  if (begunBytes > 0) yield finish(Buffer.alloc(0));
}

function trimLine(line: Buffer, isFirst: boolean): Buffer {
  const start = isFirst ? byteOrderMarkBytes(line) : 0;
  const end = line.at(-1) === 13 ? line.byteLength - 1 : line.byteLength;
  return line.subarray(start, Math.max(start, end));
}

/** 3 where the bytes begin with UTF-8's byte order mark, else 0. It says how to read the file and is no part of its text. */
export function byteOrderMarkBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
