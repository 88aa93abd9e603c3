// The tokenizer of a model that is trained from scratch: the one that was given, or bytes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, sha256Hex, writeFileDurable } from '#base';
import { byteLevelTokenizerJson, createTokenizer, readTokenizer, type TokenizerContent } from '#tokenizer';
import type { PretrainSettings } from './settings.js';

interface ChosenTokenizer {
  /** Where the threads that tokenise find it. */
  readonly file: string;
  readonly content: TokenizerContent;
  readonly vocabSize: number;
  readonly endOfText: number;
}

export async function tokenizerFor(
  { tokenizer }: PretrainSettings,
  folder: string,
): Promise<ChosenTokenizer> {
  // With the configuration beside it, which says what ends a document.
  const chosen =
    tokenizer === undefined
      ? await bytes(folder)
      : { file: tokenizer, content: await readTokenizer(tokenizer) };
  const { vocabSize, endOfText } = createTokenizer(chosen.content);
  return { ...chosen, vocabSize, endOfText };
}

async function bytes(folder: string): Promise<Pick<ChosenTokenizer, 'file' | 'content'>> {
  const text = byteLevelTokenizerJson();
  const file = path.join(folder, 'tokenizers', `${sha256Hex(text)}.json`);
  await makeFolder(path.dirname(file));
  // Written once: a corpus is found again by its files' names and times.
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) await writeFileDurable(file, text);
  return { file, content: { json: JSON.parse(text), config: undefined, where: 'bytes' } };
}
