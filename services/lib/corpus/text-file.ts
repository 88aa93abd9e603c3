// Plain text: a file is a document, and a large file several.

import { byteOrderMarkBytes, fileChunks, type OnRead } from './chunks.js';
import { cutPosition, maxWholeTextBytes, pieceBytes } from './cut-text.js';
import type { Document } from './document.js';
import { checkUtf8 } from './utf8.js';

/**
 * Documents of a plain text file: one for a file of at most 1 MiB; a larger one is cut at blank lines, else at line
 * ends, into documents of about 64 KiB, which together are the file. At most a little over 1 MiB is in memory.
 */
export async function* readTextFile(path: string, onRead: OnRead): AsyncGenerator<Document> {
  let pending: Buffer = Buffer.alloc(0);
  let offset = 0;
  let isLarge = false;
  const document = (bytes: Buffer): Document => {
    checkUtf8(bytes, path, offset);
    offset += bytes.byteLength;
    return [{ bytes, counted: true }];
  };
  for await (const chunk of fileChunks(path, onRead)) {
    const isFirst = offset === 0 && pending.byteLength === 0;
    const mark = isFirst ? byteOrderMarkBytes(chunk) : 0;
    if (mark > 0) offset = mark;
    pending = Buffer.concat([pending, chunk.subarray(mark)]);
    isLarge ||= pending.byteLength > maxWholeTextBytes;
    // One byte beyond the piece is there to see whether the piece ends between characters.
    while (isLarge && pending.byteLength > pieceBytes) {
      const at = cutPosition(pending);
      yield document(pending.subarray(0, at));
      pending = pending.subarray(at);
    }
  }
  if (pending.byteLength > 0) yield document(pending);
}
