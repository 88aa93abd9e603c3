// The quick way through a byte-level tokenizer without merges: a table from bytes to ids.

import { symbolOfByte } from './byte-symbols.js';
import { isObject, type TokenizerDefinition } from './definition.js';

/**
 * An encoder for tokenizers whose only tokens are the 256 bytes and literal added tokens; `undefined` for any other.
 * It gives what the library gives: with no merges, how the text is split into words makes no difference.
 */
export function bytePath(definition: TokenizerDefinition): ((text: string) => Int32Array) | undefined {
  const { model, normalizer, pre_tokenizer: split, added_tokens: added } = definition;
  if (normalizer !== null || split?.type !== 'ByteLevel' || split.add_prefix_space !== false)
    return undefined;
  if (model.type !== 'BPE' || !Array.isArray(model.merges) || model.merges.length > 0) return undefined;
  // With these, a word could become one token, or a byte symbol could become another.
  if (model.ignore_merges || model.end_of_word_suffix || model.continuing_subword_suffix) return undefined;
  const { vocab } = model;
  if (!isObject(vocab)) return undefined;
  const idOfByte = Int32Array.from(symbolOfByte, (symbol) => {
    const id = Object.hasOwn(vocab, symbol) ? vocab[symbol] : undefined;
    return typeof id === 'number' ? id : -1;
  });
  if (idOfByte.includes(-1)) return undefined;
  if (added.some(({ lstrip, rstrip, single_word }) => lstrip || rstrip || single_word)) return undefined;
  // An added token spelt like a byte symbol would take that symbol's place.
  if (added.some(({ content }) => [...content].length < 2)) return undefined;
  const idOfAdded = new Map(added.map(({ content, id }) => [content, id]));
  const isAdded = alternation([...idOfAdded.keys()]);
  return (text) => encodeBytes(text, idOfByte, idOfAdded, isAdded);
}

function encodeBytes(
  text: string,
  idOfByte: Int32Array,
  idOfAdded: ReadonlyMap<string, number>,
  isAdded: RegExp | undefined,
): Int32Array {
  const parts = isAdded === undefined ? [text] : text.split(isAdded);
  const bytesOfParts = parts.map((part, i) => (i % 2 === 0 ? Buffer.from(part, 'utf8') : undefined));
  const ids = new Int32Array(bytesOfParts.reduce((sum, bytes) => sum + (bytes?.length ?? 1), 0));
  let at = 0;
  for (const [i, bytes] of bytesOfParts.entries()) {
    if (bytes === undefined) ids[at++] = idOfAdded.get(parts[i]!)!;
    else for (let b = 0; b < bytes.length; b++) ids[at++] = idOfByte[bytes[b]!]!;
  }
  return ids;
}

/** Leftmost, then longest: the order in which the library's trie finds added tokens. Captures what it matches. */
function alternation(contents: readonly string[]): RegExp | undefined {
  if (contents.length === 0) return undefined;
  const longestFirst = [...contents].sort((a, b) => b.length - a.length);
  return new RegExp(
    `(${longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|')})`,
  );
}
