// The checkpoint that training starts from: a model's weights before the first step.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecoderConfig } from '#nn';
import { writeSafetensors } from '#safetensors';
import type { ArtifactStore } from '#store';
import type { SavedCheckpoint } from './checkpoint.js';
import { checkpointFormatVersion, encodeManifest, type Json } from './checkpoint-manifest.js';
import { digestOfWeights } from './digest.js';
import { stateTensors } from './manifest.js';

export interface InitialCheckpointOptions {
  readonly artifacts: ArtifactStore;
  readonly config: DecoderConfig;
  /** One parameter by its Hugging Face name, as float32. */
  readonly read: (name: string) => Promise<Float32Array>;
  /** Where the sampler starts. */
  readonly cursors: Json;
  /** Where the weights are written before the store takes them; the system's folder by default. */
  readonly scratchFolder?: string;
}

/** Stores the weights, one tensor at a time in memory, with moments of zero. Equal weights give the equal checkpoint. */
export async function createInitialCheckpoint(options: InitialCheckpointOptions): Promise<SavedCheckpoint> {
  const { artifacts, config, cursors } = options;
  const tensors = stateTensors(config).filter(({ role }) => role === 'parameter');
  const scratch = await mkdtemp(join(options.scratchFolder ?? tmpdir(), 'ddk-initial-'));
  try {
    const path = join(scratch, 'weights.safetensors');
    const sources = tensors.map(({ name, shape }) => ({
      name,
      dtype: 'F32' as const,
      shape,
      data: async () => {
        const data = await options.read(name);
        return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      },
    }));
    await writeSafetensors(path, sources, { format: 'pt' });
    const { digest: weights, bytes } = await artifacts.putFile(path);
    const manifest = {
      formatVersion: checkpointFormatVersion,
      step: 0,
      environment: null,
      weights: { digest: weights, bytes },
      moments: null,
      weightsDigest: await digestOfWeights({ tensors, read: (_role, name) => options.read(name) }),
      cursors,
      mixtureVersion: 0,
      metrics: null,
    } as const;
    const { digest } = await artifacts.put(encodeManifest(manifest));
    return { digest, manifest };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
