// The door to @huggingface/tokenizers: what is used of it, typed, with its errors made ours.

import * as huggingface from '@huggingface/tokenizers';
import { DdkError } from '#base';
import { invalid, type TokenizerDefinition } from './definition.js';
import { splitLongWords } from './long-words.js';

/** The package's own declarations cannot be resolved under Node's module rules, so what is used is declared here. */
interface Pipeline {
  readonly model: unknown;
  encode(
    text: string,
    options: { add_special_tokens: boolean },
  ): { ids: (number | undefined)[]; tokens: string[] };
  decode(
    ids: number[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
}

const { Tokenizer, BPE } = huggingface as unknown as {
  readonly Tokenizer: new (definition: object, config: object) => Pipeline;
  readonly BPE: new (...parameters: never[]) => { bpe(word: string): string[] };
};

export interface LibraryTokenizer {
  encode(text: string): Int32Array;
  decode(ids: ArrayLike<number>): string;
  tokenId(token: string): number | undefined;
  token(id: number): string | undefined;
}

/**
 * Opens a definition with the library.
 *
 * @param longWords `exact`: long words are cut where the result provably stays the same, which makes encoding linear
 *   in their length; `library`: everything is left to the library (for comparison in tests)
 */
export function openWithLibrary(
  definition: TokenizerDefinition,
  path: string,
  longWords: 'exact' | 'library' = 'exact',
): LibraryTokenizer {
  let pipeline: Pipeline;
  try {
    pipeline = new Tokenizer(definition, {});
  } catch (cause) {
    throw Object.assign(invalid(path, `it cannot be loaded (${(cause as Error).message})`), { cause });
  }
  if (longWords === 'exact' && pipeline.model instanceof BPE)
    splitLongWords(pipeline.model, definition.model);
  return {
    encode(text) {
      if (text === '') return new Int32Array(0);
      const { ids, tokens } = pipeline.encode(text, { add_special_tokens: false });
      const out = new Int32Array(ids.length);
      for (let i = 0; i < ids.length; i++) {
        const id = ids[i];
        if (id === undefined) {
          throw new DdkError(
            'invalid_argument',
            `${path} has no token for ${JSON.stringify(tokens[i])} and no unknown token to put in its place.`,
          );
        }
        out[i] = id;
      }
      return out;
    },
    decode(ids) {
      if (ids.length === 0) return '';
      return pipeline.decode(Array.from(ids), {
        skip_special_tokens: false,
        clean_up_tokenization_spaces: false,
      });
    },
    tokenId: (token) => pipeline.token_to_id(token),
    token: (id) => pipeline.id_to_token(id),
  };
}
