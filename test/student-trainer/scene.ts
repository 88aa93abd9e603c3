// A trainer behind real gRPC on the tiny corpus, student and teacher of the evaluator's scene.
import type { TestContext } from 'node:test';
import { type Clock, silentLogger } from '#base';
import { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { Divergence, IntervalRecord, Run, RunSpec, WorkState } from '#proto/ddk/v1/types';
import { type Client, createClient, HealthService, type RunningServer } from '#rpc';
import type { Runtime } from '#runtime';
import { startStudentTrainer } from '../../services/student-trainer/service.js';
import { openScene, runId, type Scene } from '../domain-evaluator/scene.js';
import { temporaryFolder } from '../support/temporary-folder.js';

export { runId };
export const recordKey = `runs/${runId}/train/0`;

export interface TrainerScene extends Scene {
  startTrainer(options?: TrainerOptions): Promise<Trainer>;
  /** The interval's training for this attempt; what an earlier one has committed is kept. */
  assign(attempt: number, baseCheckpointDigest?: string): Promise<void>;
  record(): Promise<IntervalRecord>;
}

export interface TrainerOptions {
  readonly runtime?: Runtime;
  readonly teacherAddress?: string;
  readonly clock?: Clock;
  readonly supersededGraceMs?: number;
}

export interface Trainer {
  readonly server: RunningServer;
  readonly client: Client<typeof StudentTrainerServiceService>;
  readonly health: Client<typeof HealthService>;
}

export interface RunShape {
  readonly endStep: number;
  /** Without it the teacher is not asked. */
  readonly gamma?: number;
  readonly checkpointSeconds?: number;
  readonly learningRate?: number;
}

export async function trainerScene(
  t: TestContext,
  { endStep, gamma = 0, checkpointSeconds = 0, learningRate = 1e-3 }: RunShape,
): Promise<TrainerScene> {
  const scene = await openScene(t);
  const { store, corpusDigest, studentDigest, checkpointDigest } = scene;
  const folder = await temporaryFolder(t);
  const spec = RunSpec.fromPartial({
    corpusDigest,
    studentDigest,
    baseCheckpointDigest: checkpointDigest,
    teacherFingerprint: scene.teacher.fingerprint,
    objective: { gamma, temperature: 1, divergence: Divergence.FORWARD_KL },
    targets: { kind: { $case: 'topK', value: { k: 4 } } },
    optimizer: { peakLearningRate: learningRate, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, clipNorm: 1 },
    training: {
      intervals: 1,
      intervalSteps: endStep,
      batchSize: 2,
      microBatches: 1,
      checkpointSeconds,
      seed: 1,
    },
  });
  await store.records.create(`names/${runId}`, Buffer.from(runId));
  await store.records.create(`runs/${runId}`, Run.encode(Run.fromPartial({ id: runId, spec })).finish());
  const record = async () => IntervalRecord.decode((await store.records.get(recordKey))!.value);
  return {
    ...scene,
    record,
    async startTrainer({
      runtime = scene.runtime,
      teacherAddress = scene.teacherServer.address,
      ...options
    } = {}) {
      const common = { listen: '127.0.0.1:0', provider: 'cpu', device: 0, threads: 1, security: {} } as const;
      const server = await startStudentTrainer(
        { ...common, teacherAddress, data: folder, targetCacheBytes: 0 },
        { store, runtime, logger: silentLogger, ...options },
      );
      const client = await createClient(StudentTrainerServiceService, server.address);
      const health = await createClient(HealthService, server.address);
      t.after(async () => {
        client.close();
        health.close();
        await server.close();
      });
      return { server, client, health };
    },
    async assign(attempt, baseCheckpointDigest = checkpointDigest) {
      const stored = await store.records.get(recordKey);
      const state = WorkState.ASSIGNED;
      if (stored === undefined) {
        const fresh = IntervalRecord.fromPartial({
          runId,
          attempt,
          state,
          weights: [0.5, 0.5],
          baseCheckpointDigest,
          endStep,
        });
        await store.records.create(recordKey, IntervalRecord.encode(fresh).finish());
        return;
      }
      const next = { ...IntervalRecord.decode(stored.value), attempt, state, worker: '', failure: undefined };
      await store.records.update(recordKey, IntervalRecord.encode(next).finish(), stored.revision);
    },
  };
}

/** Reads the steps that a trainer tells until `enough` have come, then calls `then` and reads on to the end. */
export async function trainUntil(
  { client }: Trainer,
  attempt: number,
  enough: number,
  then: () => void,
): Promise<number[]> {
  const steps: number[] = [];
  for await (const { event } of client.trainInterval({ runId, interval: 0, attempt })) {
    if (event?.$case === 'step') steps.push(event.value.step);
    if (event?.$case === 'step' && steps.length === enough) then();
  }
  return steps;
}
