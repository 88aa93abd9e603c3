// The tokenizer of a model that is trained from scratch: the one that was given, or bytes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, makeFolder, sha256Hex, writeFileDurable } from '#base';
import { byteLevelTokenizerJson, createTokenizer, type TokenizerContent } from '#tokenizer';
import type { PretrainSettings } from './settings.js';

/** The tokenizer's content, and a file of it for the threads that tokenise. */
export async function tokenizerFor(
  settings: PretrainSettings,
  folder: string,
): Promise<{
  readonly file: string;
  readonly content: TokenizerContent;
  readonly vocabSize: number;
  readonly endOfText: number;
}> {
  const text =
    settings.tokenizer === undefined ? byteLevelTokenizerJson() : await readText(settings.tokenizer);
  const file = path.join(folder, 'tokenizers', `${sha256Hex(text)}.json`);
  const content = {
    json: parseJson(text, settings.tokenizer ?? 'bytes'),
    config: undefined,
    where: settings.tokenizer ?? 'bytes',
  };
  const { vocabSize, endOfText } = createTokenizer(content);
  await makeFolder(path.dirname(file));
  // Written once: a corpus is found again by its files' names and times.
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) await writeFileDurable(file, text);
  return { file, content, vocabSize, endOfText };
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The parser quotes from the text, line ends and all.
    const why = (cause as Error).message.replace(/\s+/g, ' ');
    throw new DdkError('invalid_argument', `${where} is not JSON (${why}); give a tokenizer.json.`, {
      cause,
    });
  }
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DdkError('not_found', `The tokenizer ${file} cannot be read; give a tokenizer.json.`, {
      cause,
    });
  });
}
