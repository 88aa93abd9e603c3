// Folders of text, a byte-level tokenizer, and a corpus built from them in memory.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type BuildCorpusOptions, buildCorpus, type Corpus, openCorpus } from '#corpus';
import { openMemoryStore, type Store } from '#store';
import { byteLevelTokenizerJson } from '#tokenizer';
import type { ChatStyle } from '../../../services/lib/corpus/chat.js';
import { readDocuments } from '../../../services/lib/corpus/read-documents.js';

/** In the byte-level tokenizer a byte is its own id, so tokens read like text. */
export const endOfText = 256;

export async function write(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

export const jsonl = (...records: readonly unknown[]) =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

/** Documents as [text, counted] pairs. */
export async function readAll(path: string, style: ChatStyle = 'plain'): Promise<[string, boolean][][]> {
  const documents: [string, boolean][][] = [];
  const file = { path, bytes: 0, modifiedNs: 0n };
  for await (const document of readDocuments([file], style, () => undefined, undefined)) {
    documents.push(document.map(({ bytes, counted }) => [Buffer.from(bytes).toString('utf8'), counted]));
  }
  return documents;
}

export async function memoryStore(t: TestContext): Promise<Store> {
  const store = openMemoryStore();
  t.after(() => store.close());
  return store;
}

export type Settings = Partial<Omit<BuildCorpusOptions, 'domains' | 'artifacts'>>;

/** Options over texts by domain, each a .jsonl file of `text` records. */
export async function optionsFor(
  root: string,
  store: Store,
  texts: Readonly<Record<string, readonly string[]>>,
  settings: Settings = {},
): Promise<BuildCorpusOptions> {
  await write(root, { 'tokenizer.json': byteLevelTokenizerJson() });
  const domains: { name: string; paths: string[] }[] = [];
  for (const [name, documents] of Object.entries(texts)) {
    await write(root, { [`${name}.jsonl`]: jsonl(...documents.map((text) => ({ text }))) });
    domains.push({ name, paths: [join(root, `${name}.jsonl`)] });
  }
  return {
    domains,
    tokenizerPath: root,
    artifacts: store.artifacts,
    sequenceLength: 8,
    validationSamples: 2,
    seed: 1,
    workers: 0,
    ...settings,
  };
}

export async function build(
  t: TestContext,
  options: BuildCorpusOptions,
): Promise<{ digest: string; corpus: Corpus }> {
  const { digest } = await buildCorpus(options);
  const corpus = await openCorpus(digest, options.artifacts);
  t.after(() => corpus.close());
  return { digest, corpus };
}

/** The tokens of a domain that windows cover, and which of them count as labels. */
export async function streamOf(
  corpus: Corpus,
  domain: number,
): Promise<{ ids: number[]; counted: number[] }> {
  const ids: number[] = [];
  const counted: number[] = [];
  const { trainWindows } = corpus.manifest.domains[domain]!;
  for (let i = 0; i < trainWindows; i++) {
    const window = await corpus.window(domain, i);
    if (i === 0) ids.push(window.ids[0]!);
    ids.push(...window.ids.subarray(1));
    counted.push(...window.mask);
  }
  return { ids, counted };
}

export const textOf = (ids: Iterable<number>) =>
  Array.from(ids, (id) => (id === endOfText ? '|' : String.fromCharCode(id))).join('');

/** Distinct documents long enough to be samples. */
export const numbered = (count: number, what: string) =>
  Array.from({ length: count }, (_, i) => `${what} number ${i} with enough text to be held out.`);
