// Whether two tokenizers are one: teacher and student must give every text the same ids.

import { DdkError } from '#base';
import { probeText } from './probe-text.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * Throws `failed_precondition` with reason `TOKENIZERS_DIFFER`, naming the first difference: end of text, size, a
 * token, or the probe text. Files that differ without consequence pass.
 */
export function assertSameTokenizer(
  a: Tokenizer,
  b: Tokenizer,
  names: { readonly a: string; readonly b: string } = { a: 'the teacher', b: 'the student' },
): void {
  if (a.fingerprint === b.fingerprint) return;
  const difference = firstDifference(a, b, names);
  if (difference === undefined) return;
  throw new DdkError(
    'failed_precondition',
    `The tokenizers of ${names.a} and ${names.b} differ: ${difference}. Use models that share one tokenizer.`,
    { reason: 'TOKENIZERS_DIFFER' },
  );
}

function firstDifference(a: Tokenizer, b: Tokenizer, names: { a: string; b: string }): string | undefined {
  if (a.vocabSize !== b.vocabSize) {
    return `${names.a} has ${a.vocabSize} tokens and ${names.b} has ${b.vocabSize}`;
  }
  for (let id = 0; id < a.vocabSize; id++) {
    if (a.token(id) !== b.token(id)) {
      return `token ${id} is ${spelt(a.token(id))} in ${names.a} and ${spelt(b.token(id))} in ${names.b}`;
    }
  }
  if (a.endOfText !== b.endOfText) {
    const ends = `${spelt(a.token(a.endOfText))} in ${names.a} and ${spelt(b.token(b.endOfText))} in ${names.b}`;
    return `documents end with ${ends}`;
  }
  const [idsA, idsB] = [a.encode(probeText), b.encode(probeText)];
  const at = idsA.findIndex((id, i) => id !== idsB[i]);
  if (at < 0 && idsA.length === idsB.length) return undefined;
  const position = at < 0 ? idsA.length : at;
  const next = (tokenizer: Tokenizer, ids: Int32Array) =>
    position < ids.length ? spelt(tokenizer.token(ids[position]!)) : 'its end';
  return (
    `in the probe text, after ${position} equal tokens, ` +
    `${names.a} continues with ${next(a, idsA)} and ${names.b} with ${next(b, idsB)}`
  );
}

function spelt(token: string | undefined): string {
  return token === undefined ? 'unused' : JSON.stringify(token);
}
