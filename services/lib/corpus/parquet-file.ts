// Apache Parquet, by row group. Sole user of hyparquet and hyparquet-compressors.

import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DdkError } from '#base';
import type { ChatStyle } from './chat.js';
import type { OnRead } from './chunks.js';
import type { Document } from './document.js';
import { recordDocuments, recordFields } from './record.js';
import { unreadable } from './sources.js';
import { firstInvalidByte } from './utf8.js';

/** A row group is unpacked whole. Writers' usual sizes are 1 to 512 MiB. */
const maxRowGroupBytes = 1 << 30;

/** Stands for a text that is not UTF-8 until its row is known. */
class InvalidText {
  readonly at: number;
  constructor(bytes: Uint8Array) {
    this.at = firstInvalidByte(bytes);
  }
}

const parsers = {
  stringFromBytes: (bytes: Uint8Array | undefined): string | InvalidText | undefined => {
    if (bytes === undefined) return undefined;
    if (!isUtf8(bytes)) return new InvalidText(bytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  },
};

/** Documents of a .parquet file, whose columns are the fields of a record. One row group is in memory at a time. */
export async function* readParquetFile(
  path: string,
  style: ChatStyle,
  onRead: OnRead,
): AsyncGenerator<Document> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const file = await asyncBuffer(handle, path);
    const metadata = await ofFile(path, () => parquetMetadataAsync(file));
    const columns = chooseColumns(metadata, path);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      if (Number(group.total_byte_size) > maxRowGroupBytes) {
        throw new DdkError(
          'invalid_argument',
          `${path} has a row group of ${group.total_byte_size} bytes and at most ${maxRowGroupBytes} are read; ` +
            'write it with smaller row groups.',
        );
      }
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await ofFile(path, () =>
        parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors, parsers }),
      );
      onRead(Math.floor((file.byteLength * (rowEnd - rowStart)) / Math.max(1, Number(metadata.num_rows))));
      for (const [i, row] of rows.entries()) {
        const where = `${path}, row ${rowStart + i + 1},`;
        refuseInvalidText(row, where);
        yield* recordDocuments(row, where, style);
      }
      rowStart = rowEnd;
    }
  } finally {
    await handle.close();
  }
}

function chooseColumns(metadata: FileMetaData, path: string): string[] {
  const present = new Set(parquetSchema(metadata).children.map(({ element }) => element.name));
  const columns = recordFields.filter((field) => present.has(field));
  if (columns.length > 0) return columns;
  throw new DdkError(
    'invalid_argument',
    `${path} has no column "text", "messages" or "prompt" with "completion" ` +
      `(its columns: ${[...present].slice(0, 16).join(', ')}); rename one.`,
  );
}

function refuseInvalidText(value: unknown, where: string): void {
  if (value instanceof InvalidText) {
    throw new DdkError(
      'invalid_argument',
      `${where} is not valid UTF-8 at byte ${value.at} of a text; convert it to UTF-8 or leave it out.`,
      { reason: 'INVALID_UTF8' },
    );
  }
  if (typeof value !== 'object' || value === null) return;
  for (const member of Object.values(value)) refuseInvalidText(member, where);
}

async function asyncBuffer(handle: FileHandle, path: string): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0)
          throw new DdkError(
            'data_loss',
            `${path} ends before byte ${end}: it is cut short; replace it or leave it out.`,
          );
        done += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** The library throws plain errors for whatever it finds wrong. */
async function ofFile<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof DdkError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DdkError(
      'invalid_argument',
      `${path} is not a Parquet file that can be read (${why}); replace it or leave it out.`,
      { cause },
    );
  }
}
