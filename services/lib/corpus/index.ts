// Text files to token shards to windows, and the sampler that says which windows a step trains on. The door of `#corpus`.
export { buildCorpus } from './build.js';
export { listDomains } from './list-domains.js';
export type { CorpusManifest } from './manifest.js';
export { type Corpus, openCorpus } from './open.js';
export type { BuildCorpusOptions, CorpusContentOptions, CorpusProgress } from './options.js';
export { type Cursors, initialCursors, planStep } from './sampler.js';
export { corpusSourceKey } from './source-key.js';
export { labels, type Window } from './window.js';
