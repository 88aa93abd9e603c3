// Byte-pair encoding of very long words, by cutting them where no merge can ever reach across.
//
// Vocabularies of the LLaMA 2 family are not split into words at all: a whole document is one word, and merging it in
// one queue costs 10 to 20 times what it costs in pieces, and memory for a linked list of its characters. If two
// neighbouring characters stand side by side inside no token, then no merge ever joins them (the product of a merge is a token), so
// the merges on their two sides neither see nor influence each other, and the pieces give exactly the same tokens.

import { isObject } from './definition.js';

interface BytePairModel {
  bpe(word: string): string[];
}

/** Shorter words are as quick whole. In UTF-16 units. */
const longWordLength = 32;

/** Replaces the model's `bpe` by one that cuts long words first. Models that decorate words are left as they are. */
export function splitLongWords(model: BytePairModel, definition: Readonly<Record<string, unknown>>): void {
  // These change the characters at a word's end, so a piece would not encode as it does inside the word.
  if (definition.end_of_word_suffix || definition.continuing_subword_prefix) return;
  if (definition.continuing_subword_suffix) return;
  const { vocab } = definition;
  if (!isObject(vocab)) return;
  const whole = model.bpe.bind(model);
  let pairs: ReadonlySet<string> | undefined;
  model.bpe = (word) => {
    if (word.length <= longWordLength) return whole(word);
    pairs ??= pairsInside(Object.keys(vocab));
    const tokens: string[] = [];
    for (const piece of cutWord(word, pairs)) for (const token of whole(piece)) tokens.push(token);
    return tokens;
  };
}

/** Every two characters (code points) that stand side by side in some token. */
function pairsInside(tokens: readonly string[]): ReadonlySet<string> {
  const pairs = new Set<string>();
  for (const token of tokens) {
    let previous = '';
    for (const character of token) {
      if (previous !== '') pairs.add(previous + character);
      previous = character;
    }
  }
  return pairs;
}

/** The pieces of a word between neighbours that no token joins. */
function* cutWord(word: string, pairs: ReadonlySet<string>): Generator<string> {
  let start = 0;
  let at = 0;
  let previous = '';
  for (const character of word) {
    if (at > start && !pairs.has(previous + character)) {
      yield word.slice(start, at);
      start = at;
    }
    previous = character;
    at += character.length;
  }
  if (start < word.length) yield word.slice(start);
}
