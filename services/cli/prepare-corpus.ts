// The corpus of a command: tokenised once, found again as long as its files and settings stay the same.
import { DdkError, formatCount, sha256Hex } from '#base';
import {
  buildCorpus,
  type CorpusContentOptions,
  type CorpusManifest,
  corpusSourceKey,
  openCorpus,
} from '#corpus';
import type { ArtifactStore, Store } from '#store';
import type { Display } from './display/display.js';

interface PreparedCorpus {
  readonly digest: string;
  readonly manifest: CorpusManifest;
}

/** Threads that tokenise. Their number does not change the corpus. */
const workers = 2;

export async function prepareCorpus(
  options: CorpusContentOptions,
  {
    store,
    display,
    signal,
  }: { readonly store: Store; readonly display: Display; readonly signal: AbortSignal },
): Promise<PreparedCorpus> {
  const key = `corpora/${sha256Hex(await corpusSourceKey(options))}`;
  const known = await store.records.get(key);
  if (known) {
    const digest = Buffer.from(known.value).toString('utf8');
    const manifest = await wholeCorpus(digest, store.artifacts);
    if (manifest) return { digest, manifest };
    await store.records.delete(key, known.revision);
  }
  const task = display.task('reading text', 'MB');
  const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;
  const built = await buildCorpus({
    ...options,
    artifacts: store.artifacts,
    workers,
    signal,
    onProgress: (p) =>
      task.update(
        megabytes(p.bytes),
        megabytes(p.totalBytes),
        `${p.phase} ${p.domain}, ${formatCount(p.tokens)} tokens`,
      ),
  });
  const tokens = built.manifest.domains.reduce((sum, d) => sum + d.trainTokens, 0);
  task.end(`${built.manifest.domains.length} domains, ${formatCount(tokens)} tokens to train on`);
  await store.records.create(key, Buffer.from(built.digest)).catch((error: unknown) => {
    // Somebody else has just built the same corpus: equal inputs give the equal digest.
    if (DdkError.from(error).code !== 'already_exists') throw error;
  });
  return built;
}

/** The manifest of a corpus of which nothing is missing; undefined where it has to be built again. */
async function wholeCorpus(digest: string, artifacts: ArtifactStore): Promise<CorpusManifest | undefined> {
  if (!(await artifacts.has(digest))) return undefined;
  const corpus = await openCorpus(digest, artifacts);
  await corpus.close();
  const { manifest } = corpus;
  for (const { validation, shards } of manifest.domains)
    for (const part of [validation, ...shards]) if (!(await artifacts.has(part.digest))) return undefined;
  return manifest;
}
