// Which artifacts the records of a store still need, followed through everything they name.
import { DdkError } from '#base';
import { openCorpus } from '#corpus';
import { ExportManifest, ExportRecord, ModelManifest, type Run } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { readCheckpoint } from '#train';
import { checkpointsOfRun } from '#work';
import { readIntervals } from '../scheduler/history.js';
import { metricsLogLinks } from './metrics-log.js';
import { listRuns, trainingInHand } from './run-records.js';

const maxManifestBytes = 1 << 20;

/** Records that spare work and are needed by no run: they name what can be made again from the user's files. */
const cachePrefixes = ['corpora/', 'pretrain/'] as const;

/**
 * Digests that must stay. What is missing, damaged or something else keeps its own name only; it does not end the search.
 * @param options.caches whether corpora and pretraining checkpoints are kept that only spare work
 */
export async function reachableArtifacts(
  store: Store,
  options: { readonly caches: boolean },
): Promise<ReadonlySet<string>> {
  const search = new Search(store);
  for (const run of await listRuns(store)) await search.run(run);
  if (!options.caches) return search.found;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
  for (const { value } of await store.records.list('corpora/')) await search.corpus(text(value));
  for (const { value } of await store.records.list('pretrain/')) await search.checkpoint(text(value));
  return search.found;
}

/** Deletes the records of caches whose artifacts are not needed otherwise, so that none names what is about to go. */
export async function forgetCaches(store: Store, needed: ReadonlySet<string>): Promise<void> {
  for (const prefix of cachePrefixes)
    for (const { key, value, revision } of await store.records.list(prefix))
      if (!needed.has(Buffer.from(value).toString('utf8'))) await store.records.delete(key, revision);
}

class Search {
  readonly found = new Set<string>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async run(run: Run): Promise<void> {
    const { records } = this.#store;
    const inHand = await trainingInHand(this.#store, run);
    for (const digest of await checkpointsOfRun(records, run)) await this.checkpoint(digest);
    await this.#metrics(inHand?.metricsDigest ?? '');
    // An interval whose record is lost names nothing; the others keep what is theirs.
    for await (const { metricsDigest } of readIntervals(records, run, 0, () => {}))
      await this.#metrics(metricsDigest);
    await this.#manifest(run.spec?.studentDigest, (bytes) => {
      const student = ModelManifest.decode(bytes);
      return [
        student.configDigest,
        student.weightsDigest,
        student.tokenizerDigest,
        student.tokenizerConfigDigest,
      ];
    });
    const exported = await records.get(`runs/${run.id}/export`);
    for (const digest of [run.exportDigest, exported && ExportRecord.decode(exported.value).exportDigest])
      await this.#manifest(digest, (bytes) => ExportManifest.decode(bytes).files.map((f) => f.digest));
    await this.corpus(run.spec?.corpusDigest ?? '');
  }

  async corpus(digest: string): Promise<void> {
    if (!this.#add(digest)) return;
    await this.#tolerant(async () => {
      const corpus = await openCorpus(digest, this.#store.artifacts);
      for (const domain of corpus.manifest.domains) {
        this.#add(domain.validation.digest);
        for (const shard of domain.shards) this.#add(shard.digest);
      }
      await corpus.close();
    });
  }

  async checkpoint(digest: string): Promise<void> {
    if (!this.#add(digest)) return;
    await this.#tolerant(async () => {
      const { weights, moments, metrics } = await readCheckpoint(digest, this.#store.artifacts);
      this.#add(weights.digest);
      if (moments) this.#add(moments.digest);
      const log = (metrics as { readonly digest?: unknown } | null)?.digest;
      if (typeof log === 'string') await this.#metrics(log);
    });
  }

  async #metrics(head: string): Promise<void> {
    await this.#tolerant(async () => {
      if (head !== '' && !this.found.has(head))
        for await (const link of metricsLogLinks(this.#store.artifacts, head)) if (!this.#add(link)) return;
    });
  }

  async #manifest(
    digest: string | undefined,
    parts: (bytes: Uint8Array) => readonly string[],
  ): Promise<void> {
    if (digest === undefined || !this.#add(digest)) return;
    await this.#tolerant(async () => {
      const bytes = await this.#store.artifacts.bytes(digest, { maxBytes: maxManifestBytes });
      for (const part of parts(bytes)) this.#add(part);
    });
  }

  /** Whether it is new. */
  #add(digest: string): boolean {
    if (digest === '' || this.found.has(digest)) return false;
    this.found.add(digest);
    return true;
  }

  async #tolerant(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      const { code } = DdkError.from(error);
      if (code !== 'not_found' && code !== 'data_loss' && code !== 'invalid_argument') throw error;
    }
  }
}
