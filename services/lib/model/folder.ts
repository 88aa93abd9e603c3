// A model on disk: config.json, safetensors, tokenizer.json, as Hugging Face lays them out.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DdkError } from '#base';
import { type DecoderConfig, parseDecoderConfig } from '#nn';
import { createTokenizer, readTokenizer, type Tokenizer, type TokenizerContent } from '#tokenizer';
import { checkWeights } from './check-weights.js';
import { modelFingerprint } from './fingerprint.js';
import { readJson } from './json-file.js';
import { openWeights, type Weights } from './weights.js';

/** What a model is, without its weights. */
export interface ModelDescription {
  /** Absolute. */
  readonly folder: string;
  readonly config: DecoderConfig;
  readonly tokenizer: Tokenizer;
  /** The tokenizer's files, parsed, to be written again beside an export. */
  readonly tokenizerContent: TokenizerContent;
}

export interface ModelFolder extends ModelDescription {
  readonly weights: Weights;
  /** `sha256:<hex>` over configuration, tensor contents and tokenizer. */
  readonly fingerprint: string;
}

const MAX_CONFIG_BYTES = 2 ** 20;

/** Reads config.json of a model folder. */
async function readModelConfig(folder: string): Promise<DecoderConfig> {
  const path = join(folder, 'config.json');
  return parseDecoderConfig(
    await readJson(path, MAX_CONFIG_BYTES, 'a model folder has a config.json as Hugging Face writes it'),
    path,
  );
}

/**
 * Opens a model folder and checks that its parts belong together. Tensors are hashed, not loaded.
 *
 * @throws DdkError not_found, invalid_argument or failed_precondition with one sentence naming the file, the value and
 * the remedy
 */
export async function openModel(path: string): Promise<ModelFolder> {
  const folder = await modelFolder(path);
  const config = await readModelConfig(folder);
  const weights = await openWeights(folder);
  checkWeights(config, weights);
  const tokenizer = await readModelTokenizer(folder, config);
  const fingerprint = await modelFingerprint(config, weights, tokenizer.tokenizer.fingerprint);
  return { folder, config, weights, ...tokenizer, fingerprint };
}

/** Reads a model folder's configuration and tokenizer; its weights need not be there. Throws as {@link openModel}. */
export async function describeModel(path: string): Promise<ModelDescription> {
  const folder = await modelFolder(path);
  const config = await readModelConfig(folder);
  return { folder, config, ...(await readModelTokenizer(folder, config)) };
}

async function modelFolder(path: string): Promise<string> {
  const folder = resolve(path);
  const found = await stat(folder).catch((cause: unknown) => {
    throw new DdkError(
      'not_found',
      `There is no model folder ${folder}; give one with config.json, model.safetensors and tokenizer.json.`,
      { cause },
    );
  });
  if (!found.isDirectory()) {
    throw new DdkError(
      'invalid_argument',
      `${folder} is a file; give the folder with config.json, model.safetensors and tokenizer.json.`,
    );
  }
  return folder;
}

async function readModelTokenizer(
  folder: string,
  config: DecoderConfig,
): Promise<Pick<ModelDescription, 'tokenizer' | 'tokenizerContent'>> {
  const tokenizerContent = await readTokenizer(folder);
  const tokenizer = createTokenizer(tokenizerContent);
  checkVocabulary(config, tokenizer, folder);
  return { tokenizer, tokenizerContent };
}

/** Models may have more rows than the tokenizer has ids (padded vocabularies), never fewer. */
export function checkVocabulary(config: DecoderConfig, tokenizer: Tokenizer, where: string): void {
  if (tokenizer.vocabSize <= config.vocabSize) return;
  throw new DdkError(
    'failed_precondition',
    `The tokenizer of ${where} has ${tokenizer.vocabSize} ids and the model's vocab_size is ${config.vocabSize}; use the tokenizer the model was trained with.`,
  );
}
