// A cheap key over everything a corpus is made from, to decide whether one that was built before can be used again.

import { stat } from 'node:fs/promises';
import { canonicalJson, sha256Hex } from '#base';
import { tokenizerFiles } from '#tokenizer';
import { formatOf } from './formats.js';
import { listDomains } from './list-domains.js';
import { corpusFormatVersion } from './manifest.js';
import { type CorpusContentOptions, checkOptions, defaultShardTokens } from './options.js';
import type { SourceFile } from './sources.js';

/**
 * `sha256:` and a hash over the options and the path, size and time of change of every file, the tokenizer's included, and
 * how the name of each file of text says that it is read.
 * Nothing is read but folders. Equal keys mean that building again would give the corpus that was built.
 */
export async function corpusSourceKey(options: CorpusContentOptions): Promise<string> {
  checkOptions(options);
  const { sequenceLength, validationSamples, seed, shardTokens = defaultShardTokens } = options;
  const domains = (await listDomains(options.domains)).map(({ name, files }) => ({
    name,
    files: files.map(describeText),
  }));
  const tokenizer: unknown[] = [];
  for (const path of Object.values(await tokenizerFiles(options.tokenizerPath))) {
    // The configuration need not exist; the tokenizer itself is missed when it is opened.
    const info = await stat(path, { bigint: true }).catch(() => undefined);
    tokenizer.push(info && describe({ path, bytes: Number(info.size), modifiedNs: info.mtimeNs }));
  }
  const version = corpusFormatVersion;
  const key = { version, sequenceLength, validationSamples, seed, shardTokens, domains, tokenizer };
  return `sha256:${sha256Hex(canonicalJson(JSON.parse(JSON.stringify(key))))}`;
}

const describeText = (file: SourceFile): readonly (string | number)[] => [
  ...describe(file),
  formatOf(file.path) ?? '',
];

function describe({ path, bytes, modifiedNs }: SourceFile): readonly (string | number)[] {
  return [path, bytes, modifiedNs.toString()];
}
