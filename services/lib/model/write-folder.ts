// Writing a model folder: everything is written beside it and put in place at once.
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DdkError, makeFolder, syncFolder, temporaryPath, writeFileDurable } from '#base';
import { type DecoderConfig, decoderConfigJson, decoderParameters, initialParameter } from '#nn';
import { type TensorSource, writeSafetensors } from '#safetensors';
import { createTokenizer, type TokenizerContent } from '#tokenizer';
import { checkVocabulary, type ModelFolder, openModel } from './folder.js';

/** transformers refuses a safetensors file that does not say which framework's layout it has. */
const WEIGHTS_METADATA = { format: 'pt' };

export interface SaveOptions {
  readonly folder: string;
  readonly config: DecoderConfig;
  /** As read by `readTokenizer`; the configuration may be undefined. */
  readonly tokenizer: TokenizerContent;
  /** A parameter's values, asked for one at a time. */
  readonly parameter: (name: string) => Float32Array | Promise<Float32Array>;
}

/**
 * Makes a model with fresh weights, the same for the same seed wherever it is made.
 *
 * @param options.tokenizerJson text of a tokenizer.json
 * @throws DdkError already_exists where the folder is there and not empty; failed_precondition where the tokenizer does
 * not fit the configuration
 */
export async function createModel(options: {
  readonly folder: string;
  readonly config: DecoderConfig;
  readonly tokenizerJson: string;
  readonly seed: number;
}): Promise<ModelFolder> {
  const specs = new Map(decoderParameters(options.config).map((spec) => [spec.name, spec]));
  const where = 'the tokenizer';
  const tokenizer = { json: parseTokenizer(options.tokenizerJson), config: undefined, where };
  return saveModel({
    ...options,
    tokenizer,
    parameter: (name) => initialParameter(specs.get(name)!, options.seed),
  });
}

function parseTokenizer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DdkError(
      'invalid_argument',
      `The tokenizer.json of a new model is not valid JSON; give one as Hugging Face writes it.`,
      { cause },
    );
  }
}

/** Writes a model folder that ddk and transformers can load, whole or not at all. Throws as {@link createModel}. */
export async function saveModel(options: SaveOptions): Promise<ModelFolder> {
  const { config } = options;
  checkVocabulary(config, createTokenizer(options.tokenizer), options.tokenizer.where);
  await inNewFolder(options.folder, async (folder) => {
    await writeModelFiles(folder, options);
  });
  return openModel(options.folder);
}

/** config.json, tokenizer.json, tokenizer_config.json and model.safetensors, into an existing folder. */
export async function writeModelFiles(folder: string, options: Omit<SaveOptions, 'folder'>): Promise<void> {
  const { config, tokenizer } = options;
  await writeJson(join(folder, 'config.json'), decoderConfigJson(config));
  await writeJson(join(folder, 'tokenizer.json'), tokenizer.json);
  await writeJson(
    join(folder, 'tokenizer_config.json'),
    tokenizer.config ?? tokenizerConfig(config, tokenizer),
  );
  await writeParameters(join(folder, 'model.safetensors'), config, options.parameter);
}

/** All parameters as float32, in one file, in canonical form: equal weights give equal bytes. */
async function writeParameters(
  path: string,
  config: DecoderConfig,
  parameter: (name: string) => Float32Array | Promise<Float32Array>,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const tensors = decoderParameters(config).map(
    ({ name, shape }): TensorSource => ({
      name,
      dtype: 'F32',
      shape,
      data: async () => {
        const values = await parameter(name);
        return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      },
    }),
  );
  return writeSafetensors(path, tensors, WEIGHTS_METADATA);
}

/** The least that transformers needs to open a tokenizer.json. */
function tokenizerConfig(config: DecoderConfig, content: TokenizerContent): Record<string, unknown> {
  const tokenizer = createTokenizer(content);
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    eos_token: tokenizer.token(tokenizer.endOfText),
    model_max_length: config.maxPositions,
    clean_up_tokenization_spaces: false,
  };
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileDurable(path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Fills a folder that nobody sees until it is complete.
 *
 * @throws DdkError already_exists where `path` is there and not an empty folder
 */
export async function inNewFolder(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const target = resolve(path);
  await refuseOccupied(target);
  await makeFolder(dirname(target));
  const temporary = temporaryPath(target);
  try {
    await mkdir(temporary);
    await fill(temporary);
    await syncFolder(temporary);
    // A rename takes the place of an empty folder, and of nothing else.
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw DdkError.from(error);
  }
}

async function refuseOccupied(target: string): Promise<void> {
  const entries = await readdir(target).catch((error: unknown) => {
    const { code } = DdkError.from(error);
    // Nothing there is what is wanted; a file gives ENOTDIR, which has the same code.
    if (code === 'not_found') return undefined;
    throw DdkError.from(error);
  });
  const remedy = `choose another name or remove ${basename(target)} first`;
  if (entries === undefined) {
    const isThere = await stat(target).then(
      () => true,
      () => false,
    );
    if (isThere) throw new DdkError('already_exists', `${target} is a file; ${remedy}.`);
  } else if (entries.length > 0) {
    throw new DdkError('already_exists', `${target} exists and is not empty; ${remedy}.`);
  }
}
