// A teacher and an evaluator behind real gRPC, a student's checkpoint and a corpus of two domains, all tiny.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { keyedUint32, silentLogger } from '#base';
import { type Bus, openMemoryBus } from '#bus';
import { buildCorpus } from '#corpus';
import { createModel, type ModelFolder, readParameter } from '#model';
import type { DecoderConfig } from '#nn';
import { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import { EvaluationRecord, ModelManifest, Run, WorkState } from '#proto/ddk/v1/types';
import { type Client, createClient, HealthService, type RunningServer } from '#rpc';
import { openRuntime, type Runtime } from '#runtime';
import { openDiskStore, type Store } from '#store';
import { byteLevelTokenizerJson } from '#tokenizer';
import { createInitialCheckpoint } from '#train';
import { startDomainEvaluator } from '../../services/domain-evaluator/service.js';
import { startTeacherScoring } from '../../services/teacher-scoring/service.js';

const teacherConfig: DecoderConfig = {
  vocabSize: 257,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 32,
  tieEmbeddings: true,
  initializerRange: 0.2,
};
const studentConfig: DecoderConfig = { ...teacherConfig, hiddenSize: 16, headDim: 4, layers: 1 };

export const domains = ['letters', 'digits'] as const;
/** T */
export const length = 16;
export const samples = 5;
export const runId = 'r1';
export const recordKey = `runs/${runId}/evaluate/0`;

export interface Scene {
  readonly store: Store;
  readonly bus: Bus;
  readonly runtime: Runtime;
  readonly teacher: ModelFolder;
  readonly student: ModelFolder;
  readonly teacherServer: RunningServer;
  readonly client: Client<typeof DomainEvaluatorServiceService>;
  readonly health: Client<typeof HealthService>;
  readonly corpusDigest: string;
  readonly studentDigest: string;
  readonly checkpointDigest: string;
  /** Of the teacher's own weights: a checkpoint of another model than the student. */
  readonly otherCheckpointDigest: string;
}

export interface SceneOptions {
  /** Where the evaluator looks for its teacher instead. */
  readonly teacherAddress?: string;
  readonly teacherPatienceMs?: number;
  /** Instead of the student's own parameters. */
  readonly parameter?: (name: string, values: Float32Array) => Float32Array;
}

export async function openScene(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ddk-evaluator-'));
  const tokenizerJson = byteLevelTokenizerJson();
  const model = (name: string, config: DecoderConfig, seed: number) =>
    createModel({ folder: path.join(folder, name), config, tokenizerJson, seed });
  const teacher = await model('teacher', teacherConfig, 1);
  const student = await model('student', studentConfig, 2);
  const store = await openDiskStore(path.join(folder, 'store'));
  const bus = openMemoryBus();
  const runtime = await openRuntime();
  const common = { listen: '127.0.0.1:0', provider: 'cpu', device: 0, threads: 1, security: {} } as const;
  const teacherServer = await startTeacherScoring(
    { ...common, model: teacher.folder },
    { runtime, logger: silentLogger },
  );
  const { teacherAddress = teacherServer.address, teacherPatienceMs = 10_000 } = options;
  const evaluator = await startDomainEvaluator(
    { ...common, teacherAddress },
    { store, bus, runtime, logger: silentLogger, teacherPatienceMs },
  );
  const client = await createClient(DomainEvaluatorServiceService, evaluator.address);
  const health = await createClient(HealthService, evaluator.address);
  t.after(async () => {
    client.close();
    health.close();
    await evaluator.close();
    await teacherServer.close();
    await runtime.close();
    await bus.close();
    await store.close();
    await rm(folder, { recursive: true });
  });
  const { digest: corpusDigest } = await makeCorpus(path.join(folder, 'text'), student, store);
  const checkpoint = await createInitialCheckpoint({
    artifacts: store.artifacts,
    config: student.config,
    read: async (name) => {
      const values = await readParameter(student.weights, name);
      return options.parameter?.(name, values) ?? values;
    },
    cursors: null,
  });
  const { digest: configDigest } = await store.artifacts.put(
    await readFile(path.join(student.folder, 'config.json')),
  );
  const manifest = ModelManifest.fromPartial({ configDigest, fingerprint: student.fingerprint });
  const { digest: studentDigest } = await store.artifacts.put(ModelManifest.encode(manifest).finish());
  const checkpointDigest = checkpoint.digest;
  const other = await createInitialCheckpoint({
    artifacts: store.artifacts,
    config: teacher.config,
    read: (name) => readParameter(teacher.weights, name),
    cursors: null,
  });
  return {
    store,
    bus,
    runtime,
    teacher,
    student,
    teacherServer,
    client,
    health,
    corpusDigest,
    studentDigest,
    checkpointDigest,
    otherCheckpointDigest: other.digest,
  };
}

async function makeCorpus(root: string, student: ModelFolder, store: Store) {
  const alphabets = { letters: 'abcdefgh ', digits: '0123456789+=' };
  await mkdir(root, { recursive: true });
  for (const domain of domains) {
    const alphabet = alphabets[domain];
    const text = (i: number): string =>
      Array.from({ length: 60 }, (_, at) => alphabet[keyedUint32(3, domain, i, at) % alphabet.length]).join(
        '',
      );
    const lines = Array.from({ length: 30 }, (_, i) => JSON.stringify({ text: text(i) }));
    await writeFile(path.join(root, `${domain}.jsonl`), `${lines.join('\n')}\n`);
  }
  return buildCorpus({
    domains: domains.map((name) => ({ name, paths: [path.join(root, `${name}.jsonl`)] })),
    tokenizerPath: path.join(student.folder, 'tokenizer.json'),
    artifacts: store.artifacts,
    sequenceLength: length,
    validationSamples: samples,
    seed: 1,
    workers: 0,
  });
}

/** A run whose interval 0 is to be measured by attempt 1. */
export async function assignWork(scene: Scene, change: Partial<EvaluationRecord> = {}): Promise<void> {
  const { store, corpusDigest, studentDigest, checkpointDigest, teacher } = scene;
  const spec = { corpusDigest, studentDigest, teacherFingerprint: teacher.fingerprint };
  await store.records.create(`runs/${runId}`, Run.encode(Run.fromPartial({ id: runId, spec })).finish());
  const record = { runId, interval: 0, attempt: 1, state: WorkState.ASSIGNED, checkpointDigest, ...change };
  await store.records.create(
    recordKey,
    EvaluationRecord.encode(EvaluationRecord.fromPartial(record)).finish(),
  );
}

export async function readRecord({ store }: Scene): Promise<EvaluationRecord> {
  return EvaluationRecord.decode((await store.records.get(recordKey))!.value);
}
