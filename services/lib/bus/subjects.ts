// Subjects, patterns, queues and what a message may contain: checked at the door of every adapter.

import { DdkError } from '#base';
import type { BusMessage } from './types.js';

/** NATS carries one message of 1 MiB at most, its headers included. */
const maxMessageBytes = 1_000_000;
const maxHeaderBytes = 16_384;
const maxNameLength = 255;

const subjectRule = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const patternRule = /^(([A-Za-z0-9_-]+|\*)\.)*([A-Za-z0-9_-]+|\*|>)$/;
const queueRule = /^[A-Za-z0-9_-]+$/;
const idRule = /^[!-~]+$/;
const headerNameRule = /^[A-Za-z0-9-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const headerValueRule = /^[^\u0000-\u001f\u007f]*$/;

function assertFits(rule: RegExp, what: string, value: string): void {
  if (value.length > maxNameLength || !rule.test(value))
    throw new DdkError('invalid_argument', `${JSON.stringify(value.slice(0, 100))} is not ${what}.`);
}

export function assertQueue(queue: string): void {
  assertFits(queueRule, 'the name of a queue: use A-Z, a-z, 0-9, "_" and "-"', queue);
}

export function assertPattern(pattern: string): void {
  assertFits(patternRule, 'a pattern of subjects: join tokens, "*" and a final ">" by dots', pattern);
}

export function assertMessage(message: BusMessage): void {
  assertFits(subjectRule, 'a subject: join tokens of A-Z, a-z, 0-9, "_" and "-" by dots', message.subject);
  assertFits(idRule, 'the id of a message: use printable ASCII without spaces', message.id);
  let headerBytes = 0;
  for (const [name, value] of Object.entries(message.headers)) {
    assertFits(headerNameRule, 'the name of a header: use A-Z, a-z, 0-9 and "-"', name);
    if (!headerValueRule.test(value))
      throw new DdkError('invalid_argument', `Header ${name} contains a control character: remove it.`);
    headerBytes += name.length + Buffer.byteLength(value);
  }
  if (headerBytes > maxHeaderBytes || message.data.byteLength > maxMessageBytes)
    throw new DdkError(
      'invalid_argument',
      `Message ${message.id} has ${message.data.byteLength} bytes and ${headerBytes} of headers; the limits are ` +
        `${maxMessageBytes} and ${maxHeaderBytes}: put the bulk into an artifact.`,
    );
}

/** Whether a subject fits a pattern: `*` is one token, a final `>` is one or more. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (tokens[index] === undefined || (token !== '*' && token !== tokens[index])) return false;
  }
  return tokens.length === wanted.length;
}
