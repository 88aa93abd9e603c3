// A model small enough to make in every test: 257 bytes-as-tokens, two layers, grouped queries.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createModel, type ModelFolder } from '#model';
import type { DecoderConfig } from '#nn';
import { openRuntime, type Runtime, type SessionOptions } from '#runtime';
import { byteLevelTokenizerJson } from '#tokenizer';

export const tinyConfig: DecoderConfig = {
  vocabSize: 260,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 32,
  tieEmbeddings: true,
  // Larger than usual, so that an untrained model's distributions are far from uniform.
  initializerRange: 0.5,
};

export const session: SessionOptions = { provider: 'cpu', threads: 1 };

export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-model-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function makeTiny(
  folder: string,
  changes: Partial<DecoderConfig> = {},
  seed = 1,
): Promise<ModelFolder> {
  return createModel({
    folder,
    config: { ...tinyConfig, ...changes },
    tokenizerJson: byteLevelTokenizerJson(),
    seed,
  });
}

export async function withRuntime<T>(body: (runtime: Runtime) => Promise<T>): Promise<T> {
  const runtime = await openRuntime();
  try {
    return await body(runtime);
  } finally {
    await runtime.close();
  }
}
