// A tokenizer.json as this noun needs it: read with limits, and only as far as it is used typed.

import { open } from 'node:fs/promises';
import { DdkError } from '#base';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
  readonly special?: boolean;
}

/** A part of the pipeline: normalizer, pre-tokenizer, decoder. */
export type Part = Readonly<Record<string, unknown>>;

export interface TokenizerDefinition {
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: Part | null;
  readonly pre_tokenizer: Part | null;
  readonly post_processor: Part | null;
  readonly decoder: Part | null;
  readonly model: Part;
}

/** The largest published tokenizer.json files have about 40 MB. */
const maxFileBytes = 256 << 20;

/** Files older than the field have none; their type shows in the vocabulary's form. */
const modelTypes: readonly unknown[] = ['BPE', 'Unigram', 'WordPiece'];

/** Ids above this would make tables of absurd size; the largest vocabularies in use are near 2^18. */
export const maxTokenId = 2 ** 24 - 1;

/** Reads a JSON file of limited size. `undefined` where there is none. */
export async function readJsonFile(path: string): Promise<unknown> {
  let text: string;
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxFileBytes)
        throw invalid(path, `it has ${size} bytes and at most ${maxFileBytes} are read`);
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    const known = DdkError.from(error);
    if (known.code === 'not_found') return undefined;
    if (error instanceof DdkError) throw error;
    throw new DdkError(known.code, `${path} cannot be read: ${known.message}.`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The parser quotes from the text, line ends and all.
    const why = (cause as Error).message.replace(/\s+/g, ' ');
    throw new DdkError(
      'invalid_argument',
      `${path} is not valid JSON (${why}); give it as Hugging Face writes it.`,
      {
        cause,
      },
    );
  }
}

/** Checks the parts of a parsed tokenizer.json that are used here; the rest is the library's to check. */
export function parseDefinition(json: unknown, path: string): TokenizerDefinition {
  if (!isObject(json)) throw invalid(path, 'it is not a JSON object');
  const part = (name: string): Part | null => {
    const value = json[name] ?? null;
    if (value !== null && !isObject(value)) throw invalid(path, `"${name}" must be an object or null`);
    return value;
  };
  const model = part('model');
  if (model === null) throw invalid(path, '"model" is missing');
  // The library takes an unknown type for one of its oldest, whose ids would be wrong.
  if (model.type !== undefined && !modelTypes.includes(model.type)) {
    throw invalid(path, `its model type ${JSON.stringify(model.type)} is none of ${modelTypes.join(', ')}`);
  }
  const added = json.added_tokens ?? [];
  if (!Array.isArray(added)) throw invalid(path, '"added_tokens" must be a list');
  return {
    added_tokens: added.map((token: unknown) => parseAddedToken(token, path)),
    normalizer: part('normalizer'),
    pre_tokenizer: part('pre_tokenizer'),
    post_processor: part('post_processor'),
    decoder: part('decoder'),
    model,
  };
}

function parseAddedToken(token: unknown, path: string): AddedToken {
  if (!isObject(token) || typeof token.content !== 'string' || !isTokenId(token.id)) {
    throw invalid(path, `each of "added_tokens" needs a "content" and an "id" from 0 to ${maxTokenId}`);
  }
  // An empty string would match everywhere and never advance.
  if (token.content === '') throw invalid(path, `the added token with id ${token.id} is empty`);
  return token as unknown as AddedToken;
}

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxTokenId;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalid(path: string, problem: string): DdkError {
  return new DdkError('invalid_argument', `${path} is not a usable tokenizer.json: ${problem}.`);
}
