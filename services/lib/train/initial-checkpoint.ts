// The checkpoint that training starts from: a model's weights before the first step.
import type { DecoderConfig } from '#nn';
import { safetensorsPieces } from '#safetensors';
import type { ArtifactStore } from '#store';
import type { SavedCheckpoint } from './checkpoint.js';
import { checkpointFormatVersion, encodeManifest, fileMetadata, type Json } from './checkpoint-manifest.js';
import { bytesOfFloats, digestOfWeights } from './digest.js';
import { stateTensors } from './manifest.js';

export interface InitialCheckpointOptions {
  readonly artifacts: ArtifactStore;
  readonly config: DecoderConfig;
  /** One parameter by its Hugging Face name, as float32. */
  readonly read: (name: string) => Promise<Float32Array>;
  /** Where the sampler starts. */
  readonly cursors: Json;
}

/** Stores the weights, one tensor at a time in memory, with moments of zero. Equal weights give the equal checkpoint. */
export async function createInitialCheckpoint(options: InitialCheckpointOptions): Promise<SavedCheckpoint> {
  const { artifacts, config, cursors } = options;
  const tensors = stateTensors(config).filter(({ role }) => role === 'parameter');
  const sources = tensors.map(({ name, shape }) => {
    const data = async () => bytesOfFloats(await options.read(name));
    return { name, dtype: 'F32' as const, shape, data };
  });
  const manifest = {
    formatVersion: checkpointFormatVersion,
    step: 0,
    environment: null,
    weights: await artifacts.put(safetensorsPieces(sources, fileMetadata)),
    moments: null,
    weightsDigest: await digestOfWeights({ tensors, read: (_role, name) => options.read(name) }),
    cursors,
    mixtureVersion: 0,
    metrics: null,
  } as const;
  const { digest } = await artifacts.put(encodeManifest(manifest));
  return { digest, manifest };
}
