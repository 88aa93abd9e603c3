// A tiny teacher behind real gRPC, and what it says when its graph is run directly.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { keyedUint32, silentLogger } from '#base';
import { createModel, type ModelFolder } from '#model';
import type { DecoderConfig } from '#nn';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { type Client, createClient, type RunningServer } from '#rpc';
import { openRuntime, type Runtime } from '#runtime';
import { byteLevelTokenizerJson } from '#tokenizer';
import { startTeacherScoring } from '../../services/teacher-scoring/service.js';

export const config: DecoderConfig = {
  vocabSize: 257,
  hiddenSize: 32,
  intermediateSize: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 64,
  tieEmbeddings: true,
  // Large, so that the distributions are far from uniform.
  initializerRange: 0.3,
};

export interface Served {
  readonly model: ModelFolder;
  readonly runtime: Runtime;
  readonly server: RunningServer;
  readonly client: Client<typeof TeacherScoringServiceService>;
}

export async function serveTeacher(t: TestContext): Promise<Served> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ddk-scoring-'));
  const model = await createModel({
    folder: path.join(folder, 'teacher'),
    config,
    tokenizerJson: byteLevelTokenizerJson(),
    seed: 7,
  });
  const runtime = await openRuntime();
  const server = await startTeacherScoring(
    { listen: '127.0.0.1:0', model: model.folder, provider: 'cpu', device: 0, threads: 1, security: {} },
    { runtime, logger: silentLogger },
  );
  const client = await createClient(TeacherScoringServiceService, server.address);
  t.after(async () => {
    client.close();
    await server.close();
    await runtime.close();
    await rm(folder, { recursive: true });
  });
  return { model, runtime, server, client };
}

/** [rows * (length + 1)] ids. */
export function randomIds(rows: number, length: number, seed = 1): Int32Array {
  return Int32Array.from(
    { length: rows * (length + 1) },
    (_, i) => keyedUint32(seed, 'test', i) % config.vocabSize,
  );
}

export function bytesOfIds(ids: Int32Array): Buffer {
  return Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
}
