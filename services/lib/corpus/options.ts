// What a corpus is built from, checked before anything is read.

import { requireNone, type Violation } from '#base';
import type { ArtifactStore } from '#store';
import type { DomainSource } from './sources.js';

export interface CorpusProgress {
  /** The domain being read. */
  readonly domain: string;
  /** Everything is read twice: to choose what is held out, then to tokenise. */
  readonly phase: 'scanning' | 'tokenising';
  /** Bytes of all files read in this phase so far, and to be read in it. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Documents of all domains in this phase so far. */
  readonly documents: number;
  /** Tokens of all domains so far; 0 while scanning. */
  readonly tokens: number;
}

/** Everything that decides what the corpus is, and nothing else. */
export interface CorpusContentOptions {
  readonly domains: readonly DomainSource[];
  /** A tokenizer.json or the folder it lies in. */
  readonly tokenizerPath: string;
  /** T: predicted positions a window. 1 to 1,048,576. */
  readonly sequenceLength: number;
  /** Documents held out of each domain. 1 to 65,536; the method's paper uses 500. */
  readonly validationSamples: number;
  /** Decides which documents are held out and where samples are cut from them. Not negative. */
  readonly seed: number;
  /** Tokens a shard. Default 16,777,216; smaller ones make more files. */
  readonly shardTokens?: number;
}

export interface BuildCorpusOptions extends CorpusContentOptions {
  readonly artifacts: ArtifactStore;
  /** Threads that tokenise; 0 tokenises in the calling thread. The result is the same with any number. */
  readonly workers: number;
  onProgress?(progress: CorpusProgress): void;
  readonly signal?: AbortSignal;
}

/** 32 MiB at two bytes an id. */
export const defaultShardTokens = 1 << 24;

/** Throws one `invalid_argument` with a violation for each thing that is wrong. */
export function checkOptions(options: CorpusContentOptions & { readonly workers?: number }): void {
  const violations: Violation[] = [];
  const refuse = (field: string, description: string) => violations.push({ field, description });
  const whole = (field: string, value: number, min: number, max: number) => {
    if (!Number.isInteger(value) || value < min || value > max) {
      refuse(field, `must be a whole number from ${min} to ${max}, is ${value}`);
    }
  };
  whole('sequenceLength', options.sequenceLength, 1, 1 << 20);
  whole('validationSamples', options.validationSamples, 1, 1 << 16);
  whole('seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  whole('shardTokens', options.shardTokens ?? defaultShardTokens, 1, 2 ** 30);
  whole('workers', options.workers ?? 0, 0, 256);
  if (options.domains.length === 0) refuse('domains', 'must name at least one domain');
  const names = new Set<string>();
  for (const [i, { name, paths }] of options.domains.entries()) {
    if (name === '') refuse(`domains[${i}].name`, 'must not be empty');
    if (names.has(name))
      refuse(`domains[${i}].name`, `${JSON.stringify(name)} is the name of another domain too`);
    if (paths.length === 0) refuse(`domains[${i}].paths`, 'must name at least one file, folder or pattern');
    names.add(name);
  }
  requireNone(violations, 'The corpus cannot be built');
}
