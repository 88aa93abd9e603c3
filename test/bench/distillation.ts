// A distillation made up for measuring: two models of random weights, text of random words, a store, and the run's spec.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyedUint32, silentLogger } from '#base';
import { buildCorpus, type CorpusManifest } from '#corpus';
import { createModel, type ModelFolder, readParameter } from '#model';
import type { DecoderConfig } from '#nn';
import { ModelManifest, type RunSpec } from '#proto/ddk/v1/types';
import { openDiskStore, type Store } from '#store';
import { byteLevelTokenizerJson } from '#tokenizer';
import { createInitialCheckpoint } from '#train';
import { specSchema } from '../../services/cli/spec/schema.js';
import { toRunSpec } from '../../services/cli/spec/to-run-spec.js';

export interface DistillationSize {
  readonly teacher: DecoderConfig;
  readonly student: DecoderConfig;
  /** Predicted positions of a window. */
  readonly length: number;
  readonly domains: number;
  /** Windows of training text a domain, roughly. */
  readonly windows: number;
  readonly validationSamples: number;
  readonly intervals: number;
  readonly intervalSteps: number;
  readonly batchSize: number;
  readonly microBatches: number;
  /** Entries of the teacher's top-k targets. */
  readonly k: number;
}

export interface Distillation {
  readonly root: string;
  readonly store: Store;
  readonly teacher: ModelFolder;
  readonly student: ModelFolder;
  readonly corpus: CorpusManifest;
  readonly runSpec: RunSpec;
}

/** A byte-level LLaMA-style decoder: its vocabulary is 256 bytes and the end of text. */
export function byteDecoder(hidden: number, layers: number, length: number): DecoderConfig {
  return {
    family: 'llama',
    vocabSize: 257,
    hiddenSize: hidden,
    intermediateSize: Math.round((hidden * 8) / 3 / 16) * 16,
    layers,
    heads: 4,
    kvHeads: 4,
    headDim: hidden / 4,
    rmsNormEps: 1e-5,
    ropeTheta: 10_000,
    maxPositions: length,
    tieEmbeddings: false,
    initializerRange: 0.02,
  };
}

/** Makes all of it in `root`, and opens the store, which the caller closes. */
export async function makeDistillation(root: string, size: DistillationSize): Promise<Distillation> {
  const tokenizerJson = byteLevelTokenizerJson();
  const model = (name: string, config: DecoderConfig, seed: number) =>
    createModel({ folder: join(root, name), config, tokenizerJson, seed });
  const teacher = await model('teacher', size.teacher, 1);
  const student = await model('student', size.student, 2);
  const domains = await writeText(join(root, 'text'), size);
  const store = await openDiskStore(join(root, 'store'));
  const { digest: corpusDigest, manifest: corpus } = await buildCorpus({
    domains,
    tokenizerPath: student.folder,
    artifacts: store.artifacts,
    sequenceLength: size.length,
    validationSamples: size.validationSamples,
    seed: 1,
    workers: 0,
  });
  const { studentDigest, baseCheckpointDigest } = await uploadStudent(student, store);
  const spec = specSchema.parse({
    name: 'bench',
    teacher: teacher.folder,
    student: student.folder,
    domains,
    corpus: { sequenceLength: size.length, validationSamples: size.validationSamples },
    targets: { encoding: 'top_k', k: size.k },
    training: {
      intervals: size.intervals,
      intervalSteps: size.intervalSteps,
      batchSize: size.batchSize,
      microBatches: size.microBatches,
    },
  });
  const runSpec = toRunSpec(spec, {
    corpusDigest,
    teacherFingerprint: teacher.fingerprint,
    studentDigest,
    baseCheckpointDigest,
  });
  return { root, store, teacher, student, corpus, runSpec };
}

async function uploadStudent({ folder, config, weights, fingerprint }: ModelFolder, { artifacts }: Store) {
  const start = await createInitialCheckpoint({
    artifacts,
    config,
    read: (name) => readParameter(weights, name),
    cursors: null,
  });
  const put = async (file: string) => (await artifacts.put(await readFile(join(folder, file)))).digest;
  const manifest = ModelManifest.fromPartial({
    configDigest: await put('config.json'),
    weightsDigest: start.manifest.weights.digest,
    tokenizerDigest: await put('tokenizer.json'),
    fingerprint,
  });
  const { digest: studentDigest } = await artifacts.put(ModelManifest.encode(manifest).finish());
  return { studentDigest, baseCheckpointDigest: start.digest };
}

/** What every service of the bench is configured with. */
export function serving(threads: number) {
  const common = { listen: '127.0.0.1:0', provider: 'cpu', device: 0, threads, security: {} } as const;
  return { ...common, logger: silentLogger };
}

/** One JSONL file a domain, of documents a little longer than a window. */
async function writeText(
  folder: string,
  size: DistillationSize,
): Promise<{ readonly name: string; readonly paths: string[] }[]> {
  await mkdir(folder, { recursive: true });
  const names = Array.from({ length: size.domains }, (_, d) => `domain-${d}`);
  for (const [domain, name] of names.entries()) {
    const documents = size.windows + size.validationSamples;
    const lines = Array.from({ length: documents }, (_, i) =>
      JSON.stringify({ text: words(size, domain, i) }),
    );
    await writeFile(join(folder, `${name}.jsonl`), `${lines.join('\n')}\n`);
  }
  return names.map((name) => ({ name, paths: [join(folder, `${name}.jsonl`)] }));
}

function words({ length }: DistillationSize, domain: number, document: number): string {
  let text = '';
  for (let i = 0; text.length <= length + 8; i++)
    text += `${keyedUint32(3, 'bench/word', domain, document, i).toString(10 + 4 * domain)} `;
  return text;
}
