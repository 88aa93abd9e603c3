// The manifest of a corpus: what its artifacts are and how windows lie in them.
//
// Layout of a shard: `tokens` ids, little-endian, `idBytes` each; then, where `hasMask`, one bit a token (lowest bit
// first), 1 where the token counts as a label. A domain's shards, one after the other, are its training stream:
// every document followed by one end-of-text token. Window i is tokens [i * T, i * T + T] of the stream.
//
// Layout of a validation artifact: `validationSamples` records of T + 1 ids (as wide as in shards), then T mask bytes.

import { canonicalJson, DdkError } from '#base';

export const corpusFormatVersion = 1;

export interface CorpusShard {
  readonly digest: string;
  readonly tokens: number;
  readonly idBytes: 2 | 4;
  readonly hasMask: boolean;
}

export interface CorpusDomain {
  /** Index in `domains`. */
  readonly id: number;
  readonly name: string;
  readonly trainTokens: number;
  readonly trainWindows: number;
  /** Documents trained on; those held out are not among them. */
  readonly documents: number;
  readonly validationSamples: number;
  readonly shards: readonly CorpusShard[];
  readonly validation: { readonly digest: string };
}

export interface CorpusManifest {
  readonly formatVersion: typeof corpusFormatVersion;
  readonly tokenizerFingerprint: string;
  readonly vocabSize: number;
  readonly endOfText: number;
  /** T: predicted positions a window. */
  readonly sequenceLength: number;
  readonly seed: number;
  readonly domains: readonly CorpusDomain[];
}

/** Bytes an id takes: two where all ids fit. */
export function idBytesFor(vocabSize: number): 2 | 4 {
  return vocabSize <= 0x10000 ? 2 : 4;
}

/** Windows of T + 1 tokens that share their ends, so that every token but the first is a label once. */
export function windowCount(tokens: number, sequenceLength: number): number {
  return Math.max(0, Math.floor((tokens - 1) / sequenceLength));
}

export function encodeManifest(manifest: CorpusManifest): Uint8Array {
  return Buffer.from(canonicalJson(manifest), 'utf8');
}

/** Checks every field: a manifest may come from another machine. Throws `invalid_argument`. */
export function decodeManifest(bytes: Uint8Array, digest: string): CorpusManifest {
  const refuse = (problem: string): never => {
    throw new DdkError('invalid_argument', `Artifact ${digest} is not a corpus manifest: ${problem}.`);
  };
  const check = (condition: boolean, problem: string): void => {
    if (!condition) refuse(problem);
  };
  let manifest: CorpusManifest;
  try {
    manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as CorpusManifest;
  } catch {
    return refuse('it is not JSON');
  }
  check(manifest?.formatVersion === corpusFormatVersion, `its format is not version ${corpusFormatVersion}`);
  check(typeof manifest.tokenizerFingerprint === 'string', 'tokenizerFingerprint is missing');
  check(isCount(manifest.vocabSize, 1) && manifest.vocabSize <= 2 ** 31, 'vocabSize is not a size');
  check(isCount(manifest.endOfText, 0) && manifest.endOfText < manifest.vocabSize, 'endOfText is no id');
  check(isCount(manifest.sequenceLength, 1), 'sequenceLength is not a length');
  check(isCount(manifest.seed, 0), 'seed is not a whole number');
  check(Array.isArray(manifest.domains), 'domains are missing');
  for (const [id, domain] of manifest.domains.entries()) {
    const of = `of domain ${id}`;
    check(domain?.id === id && typeof domain.name === 'string', `id or name ${of} is wrong`);
    check(isCount(domain.documents, 0) && isCount(domain.validationSamples, 0), `a count ${of} is wrong`);
    check(isCount(domain.trainTokens, 0) && Array.isArray(domain.shards), `the stream ${of} is missing`);
    check(typeof domain.validation?.digest === 'string', `the validation ${of} is missing`);
    for (const shard of domain.shards) {
      check(isShard(shard, idBytesFor(manifest.vocabSize)), `a shard ${of} is wrong`);
    }
    const tokens = domain.shards.reduce((sum, shard) => sum + shard.tokens, 0);
    check(tokens === domain.trainTokens, `the shards ${of} have ${tokens} tokens, not ${domain.trainTokens}`);
    const windows = windowCount(tokens, manifest.sequenceLength);
    check(windows === domain.trainWindows, `trainWindows ${of} is ${domain.trainWindows}, not ${windows}`);
  }
  return manifest;
}

function isCount(value: unknown, min: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

function isShard(shard: CorpusShard | undefined, idBytes: number): boolean {
  if (typeof shard?.digest !== 'string' || typeof shard.hasMask !== 'boolean') return false;
  return isCount(shard.tokens, 1) && shard.idBytes === idBytes;
}
