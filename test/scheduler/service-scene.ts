// A scheduler served over real gRPC, with a store that holds a corpus, a student and a checkpoint, and a teacher that only
// describes itself.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DdkError, silentLogger } from '#base';
import { type Bus, openMemoryBus } from '#bus';
import { buildCorpus } from '#corpus';
import { type DecoderConfig, decoderConfigJson, decoderParameters } from '#nn';
import { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import { DescribeModelResponse, TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import {
  Divergence,
  MixturePolicy,
  ModelManifest,
  type RunSpec,
  RunSpec as RunSpecMessage,
} from '#proto/ddk/v1/types';
import {
  type Client,
  createClient,
  Health,
  HealthService,
  type RunningServer,
  service,
  startServer,
} from '#rpc';
import { openMemoryStore, type Store } from '#store';
import { byteLevelTokenizerJson } from '#tokenizer';
import { createInitialCheckpoint } from '#train';
import { startScheduler } from '../../services/scheduler/service.js';

export const sequenceLength = 16;
const vocabSize = 257;

export interface ServiceScene {
  readonly store: Store;
  readonly bus: Bus;
  readonly scheduler: Client<typeof SchedulerServiceService>;
  /** A spec that can be run. */
  readonly spec: RunSpec;
  /** What the teacher says of itself; tests change it. */
  readonly teacher: { description: DescribeModelResponse; readonly server: RunningServer };
  readonly health: Client<typeof HealthService>;
  readonly server: RunningServer;
}

export async function serviceScene(t: TestContext): Promise<ServiceScene> {
  const store = openMemoryStore();
  const bus = openMemoryBus();
  const { artifacts, corpusDigest, tokenizerFingerprint } = await sharedCorpus();
  for (const bytes of artifacts) await store.artifacts.put(bytes);
  const spec = RunSpecMessage.create({
    name: 'example',
    corpusDigest,
    teacherFingerprint: `sha256:${'a'.repeat(64)}`,
    studentDigest: await smallStudent(store),
    baseCheckpointDigest: await smallCheckpoint(store),
    mixture: { policy: MixturePolicy.DDK, alpha: 0.5 },
    objective: { gamma: 0.2, temperature: 1, divergence: Divergence.FORWARD_KL },
    targets: { kind: { $case: 'topK', value: { k: 16 } } },
    optimizer: {
      peakLearningRate: 1e-3,
      minimumLearningRate: 1e-4,
      warmupSteps: 2,
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.1,
      clipNorm: 1,
    },
    training: {
      intervals: 2,
      intervalSteps: 10,
      batchSize: 4,
      microBatches: 2,
      checkpointSeconds: 0,
      seed: 1,
    },
  });
  const teacher = {
    description: DescribeModelResponse.create({
      fingerprint: spec.teacherFingerprint,
      vocabularySize: vocabSize,
      maximumLength: 64,
      tokenizerFingerprint,
    }),
  };
  const teacherServer = await startServer({
    address: '127.0.0.1:0',
    services: [
      service(TeacherScoringServiceService, {
        describeModel: async () => teacher.description,
        // biome-ignore lint/correctness/useYield: a scheduler never asks for scores
        async *scoreSequences() {
          throw new DdkError('unimplemented', 'This teacher only describes itself.');
        },
      }),
    ],
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
  });
  const served = Object.assign(teacher, { server: teacherServer });
  const server = await startScheduler(
    { listen: '127.0.0.1:0', teacherAddress: teacherServer.address, security: {} },
    { store, bus, logger: silentLogger, intervalMs: 20 },
  );
  const scheduler = await createClient(SchedulerServiceService, server.address);
  const health = await createClient(HealthService, server.address);
  t.after(async () => {
    scheduler.close();
    health.close();
    await server.drain(1000);
    await teacherServer.close();
    await bus.close();
    await store.close();
  });
  return { store, bus, scheduler, spec, teacher: served, health, server };
}

interface SmallCorpus {
  readonly artifacts: readonly Uint8Array[];
  readonly corpusDigest: string;
  readonly tokenizerFingerprint: string;
}

let built: Promise<SmallCorpus> | undefined;

/** Built once for all scenes of a process. */
function sharedCorpus(): Promise<SmallCorpus> {
  built ??= buildSmallCorpus();
  return built;
}

async function buildSmallCorpus(): Promise<SmallCorpus> {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-scheduler-'));
  const { artifacts } = openMemoryStore();
  try {
    const tokenizerPath = join(folder, 'tokenizer.json');
    await writeFile(tokenizerPath, byteLevelTokenizerJson());
    const names = ['code', 'prose', 'mail'];
    for (const name of names) {
      await mkdir(join(folder, name));
      for (let i = 0; i < 12; i++) {
        const text = `${name} ${i}: ${'some text of this domain. '.repeat(i + 4)}`;
        await writeFile(join(folder, name, `${i}.txt`), text);
      }
    }
    const domains = names.map((name) => ({ name, paths: [join(folder, name)] }));
    const options = { tokenizerPath, sequenceLength, validationSamples: 2, seed: 1, artifacts, workers: 0 };
    const { digest, manifest } = await buildCorpus({ ...options, domains });
    const all: Uint8Array[] = [];
    for await (const artifact of artifacts.list()) {
      all.push(await artifacts.bytes(artifact.digest, { maxBytes: 1 << 20 }));
    }
    return { artifacts: all, corpusDigest: digest, tokenizerFingerprint: manifest.tokenizerFingerprint };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const smallConfig: DecoderConfig = {
  vocabSize,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 1,
  heads: 2,
  kvHeads: 2,
  headDim: 8,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 64,
  tieEmbeddings: true,
  initializerRange: 0.02,
};

/** A checkpoint of the small student, or of one that differs in its configuration; all weights are 0. */
export async function smallCheckpoint(store: Store, changes: Partial<DecoderConfig> = {}): Promise<string> {
  const config = { ...smallConfig, ...changes };
  const sizes = new Map(
    decoderParameters(config).map(({ name, shape }) => [name, shape.reduce((size, dim) => size * dim, 1)]),
  );
  const read = async (name: string) => new Float32Array(sizes.get(name)!);
  const { digest } = await createInitialCheckpoint({
    artifacts: store.artifacts,
    config,
    read,
    cursors: null,
  });
  return digest;
}

export async function smallStudent(store: Store, maxPositions = 64): Promise<string> {
  const put = async (content: string | Uint8Array) =>
    (await store.artifacts.put(Buffer.from(content))).digest;
  const manifest = ModelManifest.create({
    configDigest: await put(JSON.stringify(decoderConfigJson({ ...smallConfig, maxPositions }))),
    weightsDigest: await put('weights'),
    tokenizerDigest: await put(byteLevelTokenizerJson()),
    fingerprint: `sha256:${'b'.repeat(64)}`,
  });
  return put(ModelManifest.encode(manifest).finish());
}
