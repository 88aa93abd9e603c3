// A tokenizer as the rest of the system sees it, opened from Hugging Face files.

import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { canonicalJson, DdkError, sha256Hex } from '#base';
import { bytePath } from './byte-path.js';
import { invalid, isObject, isTokenId, maxTokenId, parseDefinition, readJsonFile } from './definition.js';
import { findEndOfText } from './end-of-text.js';
import { openWithLibrary } from './library.js';

export interface Tokenizer {
  /** Largest id + 1, added tokens included. */
  readonly vocabSize: number;
  /** The id that ends a document. */
  readonly endOfText: number;
  /** `sha256:` and the hash of everything that decides ids: normalizer, splitting, vocabulary, merges, end of text. */
  readonly fingerprint: string;
  /**
   * Ids of a text, without special tokens around it. As in Hugging Face's libraries, text that spells an added token
   * (such as `<|endoftext|>`) becomes that token.
   */
  encode(text: string): Int32Array;
  /** Text of ids, special tokens spelt out; ids that do not form whole characters give U+FFFD. */
  decode(ids: ArrayLike<number>): string;
  tokenId(token: string): number | undefined;
  /** The token with this id as the vocabulary spells it. */
  token(id: number): string | undefined;
}

/** The files that a tokenizer opened from `path` is read from; the second need not exist. */
export async function tokenizerFiles(
  path: string,
): Promise<{ readonly definition: string; readonly config: string }> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    // Whatever is wrong with the path is told when the file is opened.
    () => false,
  );
  const definition = isFolder ? join(path, 'tokenizer.json') : path;
  return { definition, config: join(dirname(definition), 'tokenizer_config.json') };
}

/** What a tokenizer is made from: plain data, so that it can be handed to worker threads. */
export interface TokenizerContent {
  /** Parsed tokenizer.json. */
  readonly json: unknown;
  /** Parsed tokenizer_config.json, where there is one. */
  readonly config: unknown;
  /** How errors name it. */
  readonly where: string;
}

/** Reads a tokenizer's files without making anything of them. */
export async function readTokenizer(path: string): Promise<TokenizerContent> {
  const files = await tokenizerFiles(path);
  const where = files.definition;
  const json = await readJsonFile(where);
  if (json === undefined) {
    const remedy = 'give a tokenizer.json or the folder it lies in';
    throw new DdkError('not_found', `There is no tokenizer at ${where}; ${remedy}.`);
  }
  // A file of another name stands alone: a neighbour's configuration need not be its own.
  const config = basename(where) === 'tokenizer.json' ? await readJsonFile(files.config) : undefined;
  return { json, config, where };
}

/**
 * Opens a tokenizer.
 *
 * @param path a tokenizer.json, or the folder it lies in; a tokenizer_config.json beside it names the end-of-text token
 * @throws DdkError `not_found` without a file, `invalid_argument` for one that cannot be used, `failed_precondition`
 *   where no end-of-text token can be found
 */
export async function openTokenizer(path: string): Promise<Tokenizer> {
  return createTokenizer(await readTokenizer(path));
}

/** A tokenizer from the contents of its files. Throws like `openTokenizer`. */
export function createTokenizer({ json, config, where }: TokenizerContent): Tokenizer {
  const definition = parseDefinition(json, where);
  const vocabSize = 1 + largestId(definition.model.vocab, definition.added_tokens, where);
  const library = openWithLibrary(definition, where);
  const endOfText = findEndOfText(library, config, where);
  let fingerprint: string | undefined;
  return {
    vocabSize,
    endOfText,
    get fingerprint() {
      // Truncation, padding and post-processing (special tokens around a text) do not take part in encode().
      const { post_processor: _, ...content } = definition;
      fingerprint ??= `sha256:${sha256Hex(canonicalJson({ ...content, endOfText }))}`;
      return fingerprint;
    },
    encode: bytePath(definition) ?? library.encode,
    decode: library.decode,
    tokenId: library.tokenId,
    token: library.token,
  };
}

function largestId(vocab: unknown, added: readonly { readonly id: number }[], where: string): number {
  let largest = added.reduce((max, { id }) => Math.max(max, id), -1);
  if (Array.isArray(vocab)) {
    largest = Math.max(largest, vocab.length - 1);
  } else if (isObject(vocab)) {
    for (const [token, id] of Object.entries(vocab)) {
      if (!isTokenId(id))
        throw invalid(where, `the id of ${JSON.stringify(token)} is not from 0 to ${maxTokenId}`);
      if (id > largest) largest = id;
    }
  } else {
    throw invalid(where, '"model.vocab" is missing');
  }
  if (largest < 0) throw invalid(where, 'its vocabulary is empty');
  if (largest > maxTokenId) throw invalid(where, `it has more than ${maxTokenId + 1} tokens`);
  return largest;
}
