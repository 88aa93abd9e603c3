// The documents of a file, by what its name says it is.

import { DdkError } from '#base';
import type { ChatStyle } from './chat.js';
import type { OnRead } from './chunks.js';
import { type Document, documentBytes } from './document.js';
import { formatOf, refuseOtherFormats } from './formats.js';
import { readJsonlFile } from './jsonl-file.js';
import { readParquetFile } from './parquet-file.js';
import type { SourceFile } from './sources.js';
import { readTextFile } from './text-file.js';

/** Every document of the files in order; none is empty. Errors name the file and, where there are any, line or row. */
export async function* readDocuments(
  files: readonly SourceFile[],
  style: ChatStyle,
  onRead: OnRead,
  signal: AbortSignal | undefined,
): AsyncGenerator<Document> {
  for (const { path } of files) {
    for await (const document of readFile(path, style, onRead)) {
      if (signal?.aborted)
        throw new DdkError('cancelled', 'Reading text was cancelled.', { cause: signal.reason });
      if (documentBytes(document) > 0) yield document;
    }
  }
}

function readFile(path: string, style: ChatStyle, onRead: OnRead): AsyncIterable<Document> {
  switch (formatOf(path)) {
    case '.jsonl':
    case '.jsonl.gz':
      return readJsonlFile(path, style, onRead);
    case '.parquet':
      return readParquetFile(path, style, onRead);
    case '.txt':
    case undefined:
      refuseOtherFormats([path]);
      return readTextFile(path, onRead);
  }
}
