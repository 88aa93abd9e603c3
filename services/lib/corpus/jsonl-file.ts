// One JSON object a line.

import { DdkError } from '#base';
import type { ChatStyle } from './chat.js';
import { fileChunks, gunzipChunks, type OnRead, readLines } from './chunks.js';
import type { Document } from './document.js';
import { formatOf } from './formats.js';
import { recordDocuments } from './record.js';
import { checkUtf8 } from './utf8.js';

/** Documents of a .jsonl or .jsonl.gz file; empty lines are passed over. One line is in memory at a time. */
export async function* readJsonlFile(
  path: string,
  style: ChatStyle,
  onRead: OnRead,
): AsyncGenerator<Document> {
  const chunks = formatOf(path) === '.jsonl.gz' ? gunzipChunks(path, onRead) : fileChunks(path, onRead);
  for await (const { bytes, number, offset } of readLines(chunks, path)) {
    const where = `${path}, line ${number},`;
    checkUtf8(bytes, where, offset);
    const text = bytes.toString('utf8');
    if (text.trim() === '') continue;
    yield* recordDocuments(parseLine(text, where), where, style);
  }
}

function parseLine(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message : String(cause);
    throw new DdkError('invalid_argument', `${where} is not valid JSON (${why}); correct or remove it.`, {
      cause,
      reason: 'BAD_RECORD',
    });
  }
}
