// Text files to a corpus: token shards, validation samples, and the manifest that names them.

import { assert, DdkError } from '#base';
import type { ArtifactStore } from '#store';
import { createTokenizer, readTokenizer } from '#tokenizer';
import { BatchBuilder, type DocumentBatch } from './batch.js';
import { chatStyle } from './chat.js';
import { type DocumentKey, documentKey } from './held-out.js';
import { listDomains } from './list-domains.js';
import {
  type CorpusDomain,
  type CorpusManifest,
  corpusFormatVersion,
  encodeManifest,
  idBytesFor,
  windowCount,
} from './manifest.js';
import { type BuildCorpusOptions, checkOptions, defaultShardTokens } from './options.js';
import { mapOrdered } from './ordered.js';
import { ProgressMeter } from './progress.js';
import { readDocuments } from './read-documents.js';
import {
  DocumentOrder,
  type DomainFiles,
  type DomainScan,
  type ReadSettings,
  refuseSmallDomains,
  scanDomain,
} from './scan.js';
import { writeShards } from './shard-writer.js';
import type { TokenisedBatch } from './tokenise.js';
import { openTokeniserPool, type TokeniserPool } from './tokeniser-pool.js';
import type { Window } from './window.js';

/**
 * Builds a corpus. A pure function of the text, the tokenizer and the content options: equal inputs give the equal
 * digest, whatever the number of workers and wherever the files lie. Memory does not grow with the amount of text.
 *
 * The files are read twice. The first pass checks everything and chooses, by a hash keyed by the seed, the documents to
 * hold out; their text is left out of the training text of every domain, however often it occurs. The second tokenises.
 *
 * Errors name the file and line: `not_found`, `permission_denied`, `invalid_argument` (reasons `INVALID_UTF8`,
 * `BAD_RECORD`), `failed_precondition` with reason `TOO_LITTLE_TEXT`, `aborted` where files change meanwhile,
 * `cancelled`. After an error some shards may be in the store; no manifest names them.
 */
export async function buildCorpus(
  options: BuildCorpusOptions,
): Promise<{ readonly digest: string; readonly manifest: CorpusManifest }> {
  checkOptions(options);
  const content = await readTokenizer(options.tokenizerPath);
  const tokenizer = createTokenizer(content);
  const settings: BuildSettings = {
    ...options,
    style: chatStyle(tokenizer),
    signal: options.signal,
    shardTokens: options.shardTokens ?? defaultShardTokens,
  };
  const domains = await listDomains(options.domains);
  const meter = (phase: 'scanning' | 'tokenising') => {
    const totalBytes = domains.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, 0);
    return new ProgressMeter(phase, totalBytes, options.onProgress && ((p) => options.onProgress?.(p)));
  };

  const scanning = meter('scanning');
  const scans: DomainScan[] = [];
  for (const domain of domains) scans.push(await scanDomain(domain, settings, scanning));
  refuseSmallDomains(scans, options.validationSamples);

  const { sequenceLength, seed } = options;
  const tokenising = meter('tokenising');
  const heldOutAnywhere = new Set(scans.flatMap(({ heldOut }) => heldOut));
  const pool = openTokeniserPool(options.workers, { tokenizer: content, sequenceLength, seed });
  try {
    const built: CorpusDomain[] = [];
    for (const [id, domain] of domains.entries()) {
      const source = { id, ...domain, scan: scans[id]!, heldOutAnywhere };
      built.push(await buildDomain(source, settings, idBytesFor(tokenizer.vocabSize), pool, tokenising));
    }
    const { fingerprint: tokenizerFingerprint, vocabSize, endOfText } = tokenizer;
    const manifest: CorpusManifest = {
      formatVersion: corpusFormatVersion,
      tokenizerFingerprint,
      vocabSize,
      endOfText,
      sequenceLength,
      seed,
      domains: built,
    };
    const { digest } = await options.artifacts.put(encodeManifest(manifest));
    return { digest, manifest };
  } finally {
    await pool.close();
  }
}

interface BuildSettings extends ReadSettings {
  readonly artifacts: ArtifactStore;
  readonly sequenceLength: number;
  readonly validationSamples: number;
  readonly shardTokens: number;
}

interface DomainToBuild extends DomainFiles {
  readonly id: number;
  readonly scan: DomainScan;
  readonly heldOutAnywhere: ReadonlySet<DocumentKey>;
}

async function buildDomain(
  domain: DomainToBuild,
  settings: BuildSettings,
  idBytes: 2 | 4,
  pool: TokeniserPool,
  progress: ProgressMeter,
): Promise<CorpusDomain> {
  const counts = { documents: 0 };
  const samples = new Map<DocumentKey, Window>();
  progress.domain(domain.name);
  const batches = readBatches(domain, settings, progress, counts);
  const tokenised = mapOrdered(batches, pool.concurrency, (batch) => pool.run(batch));
  const shards = await writeShards(collectSamples(tokenised, samples, progress), settings.artifacts, {
    idBytes,
    shardTokens: settings.shardTokens,
  });
  const trainTokens = shards.reduce((sum, shard) => sum + shard.tokens, 0);
  const trainWindows = windowCount(trainTokens, settings.sequenceLength);
  if (trainWindows === 0) {
    throw new DdkError(
      'failed_precondition',
      `Domain ${JSON.stringify(domain.name)} has ${trainTokens} tokens to train on after holding out ` +
        `${samples.size} documents, and one window needs ${settings.sequenceLength + 1}; add text or shorten the windows.`,
      { reason: 'TOO_LITTLE_TEXT' },
    );
  }
  const { digest } = await writeSamples(domain.scan.heldOut, samples, settings.artifacts, idBytes);
  return {
    id: domain.id,
    name: domain.name,
    trainTokens,
    trainWindows,
    documents: counts.documents,
    validationSamples: samples.size,
    shards,
    validation: { digest },
  };
}

/** The second pass: everything that is not held out anywhere, and each of this domain's samples once. */
async function* readBatches(
  domain: DomainToBuild,
  { seed, style, signal }: ReadSettings,
  progress: ProgressMeter,
  counts: { documents: number },
): AsyncGenerator<DocumentBatch> {
  const own = new Set(domain.scan.heldOut);
  const order = new DocumentOrder();
  const builder = new BatchBuilder();
  for await (const document of readDocuments(domain.files, style, progress.read, signal)) {
    const key = documentKey(seed, document);
    order.add(key);
    progress.document();
    if (!domain.heldOutAnywhere.has(key)) {
      builder.add(document, undefined);
      counts.documents += 1;
    } else if (own.delete(key)) {
      builder.add(document, key);
    }
    if (builder.isFull) yield builder.take();
  }
  if (!builder.isEmpty) yield builder.take();
  if (order.fingerprint() !== domain.scan.fingerprint) {
    throw new DdkError(
      'aborted',
      `The text of domain ${JSON.stringify(domain.name)} changed while it was being read; start again once it rests.`,
    );
  }
}

async function* collectSamples(
  batches: AsyncIterable<TokenisedBatch>,
  samples: Map<DocumentKey, Window>,
  progress: ProgressMeter,
): AsyncGenerator<TokenisedBatch> {
  for await (const batch of batches) {
    for (const { key, window } of batch.samples) samples.set(key, window);
    progress.tokens(batch.ids.length);
    yield batch;
  }
}

function writeSamples(
  keys: readonly DocumentKey[],
  samples: ReadonlyMap<DocumentKey, Window>,
  artifacts: ArtifactStore,
  idBytes: 2 | 4,
): Promise<{ readonly digest: string }> {
  async function* records(): AsyncGenerator<Uint8Array> {
    for (const key of keys) {
      const window = samples.get(key);
      assert(window !== undefined, 'each document held out was met again');
      const ids = idBytes === 2 ? Uint16Array.from(window.ids) : Uint32Array.from(window.ids);
      yield new Uint8Array(ids.buffer);
      yield window.mask;
    }
  }
  return artifacts.put(records());
}
