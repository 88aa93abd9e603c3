// A record (a line of JSON, a row of a table) as documents.

import { DdkError } from '#base';
import { type ChatStyle, type Message, renderChat, type Turn } from './chat.js';
import { cutText } from './cut-text.js';
import type { Document } from './document.js';

/** What is looked for in a record, in this order; the first that is there is used. */
export const recordFields = ['text', 'messages', 'prompt', 'completion'] as const;

/**
 * Documents of one record, which has one of: `text`; `messages`, a list of {role, content}; `prompt` and `completion`.
 * Prompts and turns that are not the assistant's do not count in the loss. A `text` longer than 1 MiB is cut like a
 * file; one that is empty gives nothing.
 *
 * Tokens never reach across the border between what counts and what does not: each side is tokenised on its own.
 *
 * @param where the file with line or row, for errors
 */
export function recordDocuments(record: unknown, where: string, style: ChatStyle): Iterable<Document> {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw bad(where, 'is not a JSON object');
  }
  const fields = record as Readonly<Record<string, unknown>>;
  if (isGiven(fields.text)) return plainDocuments(textField(fields, 'text', where));
  if (isGiven(fields.messages)) return [segments(conversation(fields.messages, where, style))];
  if (isGiven(fields.prompt) && isGiven(fields.completion)) {
    const prompt = textField(fields, 'prompt', where);
    const completion = textField(fields, 'completion', where);
    if (completion === '')
      throw bad(where, 'has an empty "completion", so there is nothing to learn from it');
    return [
      segments([
        { text: prompt, counted: false },
        { text: completion, counted: true },
      ]),
    ];
  }
  const found = Object.keys(fields).slice(0, 8).join(', ') || 'none';
  throw bad(where, `has no "text", no "messages" and no "prompt" with "completion" (its fields: ${found})`);
}

function* plainDocuments(text: string): Generator<Document> {
  for (const bytes of cutText(Buffer.from(text, 'utf8'))) yield [{ bytes, counted: true }];
}

function conversation(value: unknown, where: string, style: ChatStyle): Turn[] {
  if (!Array.isArray(value)) throw bad(where, 'has "messages" that are not a list');
  const messages = value.map((message: unknown, i): Message => {
    const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown };
    if (typeof role !== 'string' || typeof content !== 'string') {
      throw bad(where, `has a message (number ${i + 1}) without "role" and "content" as text`);
    }
    return { role, content };
  });
  if (!messages.some(({ role, content }) => role === 'assistant' && content !== '')) {
    throw bad(where, 'has no turn of the assistant, so there is nothing to learn from it');
  }
  return renderChat(messages, style);
}

/** Neighbours of one kind are joined, so that they are tokenised together. */
function segments(turns: readonly Turn[]): Document {
  const joined: { text: string; counted: boolean }[] = [];
  for (const { text, counted } of turns) {
    const last = joined.at(-1);
    if (last?.counted === counted) last.text += text;
    else if (text !== '') joined.push({ text, counted });
  }
  return joined.map(({ text, counted }) => ({ bytes: Buffer.from(text, 'utf8'), counted }));
}

function textField(fields: Readonly<Record<string, unknown>>, name: string, where: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw bad(where, `has a "${name}" that is not text`);
  return value;
}

/** A column that is empty in this row is null; a field that is not there is undefined. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function bad(where: string, problem: string): DdkError {
  return new DdkError('invalid_argument', `${where} ${problem}; correct or remove it.`, {
    reason: 'BAD_RECORD',
  });
}
