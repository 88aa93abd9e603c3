// Checkpoints: weights and moments as safetensors artifacts, and a manifest artifact that names both.
//
// All three are durable when saving returns; nothing refers to them yet. Making a checkpoint count is the caller's one
// compare-and-set of the manifest's digest.
import { DdkError, failpoint } from '#base';
import { secondMomentUnit } from '#nn';
import {
  readHeader,
  readTensor,
  type SafetensorsHeader,
  safetensorsPieces,
  type TensorSource,
  toFloat32,
} from '#safetensors';
import type { ArtifactStore } from '#store';
import {
  type ArtifactReference,
  type CheckpointDetails,
  type CheckpointManifest,
  checkpointFormatVersion,
  decodeManifest,
  encodeManifest,
  fileMetadata,
  maxManifestBytes,
} from './checkpoint-manifest.js';
import { bytesOfFloats, digestOfWeights } from './digest.js';
import type { StateSnapshot, TrainEngine } from './engine.js';
import type { StateTensor } from './manifest.js';

export interface SavedCheckpoint {
  /** Digest of the manifest: the checkpoint's name. */
  readonly digest: string;
  readonly manifest: CheckpointManifest;
}

/** Saves the engine's state; steps asked for meanwhile wait. State in host memory is stored from where it lies. */
export async function saveCheckpoint(
  engine: TrainEngine,
  artifacts: ArtifactStore,
  details: CheckpointDetails,
): Promise<SavedCheckpoint> {
  return engine.snapshot(async (snapshot) => {
    failpoint('checkpoint.before_durable');
    const manifest: CheckpointManifest = {
      formatVersion: checkpointFormatVersion,
      step: snapshot.step,
      environment: engine.environment,
      weights: await artifacts.put(piecesOf(snapshot, 'weights')),
      moments: await artifacts.put(
        piecesOf(snapshot, 'moments', {
          [unitKey]: String(secondMomentUnit(engine.program.spec.optimizer)),
        }),
      ),
      weightsDigest: await digestOfWeights({ tensors: snapshot.tensors, read: snapshot.peek }),
      cursors: details.cursors,
      mixtureVersion: details.mixtureVersion,
      metrics: details.metrics,
    };
    const { digest } = await artifacts.put(encodeManifest(manifest));
    failpoint('checkpoint.after_durable');
    return { digest, manifest };
  });
}

/**
 * The manifest of a checkpoint. Throws `not_found`, `invalid_argument` for an artifact that is none, or
 * `failed_precondition` for another format version.
 */
export async function readCheckpoint(digest: string, artifacts: ArtifactStore): Promise<CheckpointManifest> {
  return decodeManifest(await artifacts.bytes(digest, { maxBytes: maxManifestBytes }), digest);
}

/**
 * Loads a checkpoint into an engine, bit for bit; where the engine's betas are others, the second moments are converted
 * to its unit. Throws `failed_precondition` where the checkpoint is of another model.
 */
export async function restoreCheckpoint(
  engine: TrainEngine,
  digest: string,
  artifacts: ArtifactStore,
): Promise<CheckpointManifest> {
  const manifest = await readCheckpoint(digest, artifacts);
  const weights = await openPart(artifacts, manifest.weights);
  const moments = manifest.moments && (await openPart(artifacts, manifest.moments));
  const conversion = moments ? unitOf(moments) / secondMomentUnit(engine.program.spec.optimizer) : 1;
  await engine.load({
    step: manifest.step,
    read: async (tensor, room) => {
      const part = tensor.role === 'parameter' ? weights : moments;
      if (!part) return undefined;
      const data = await readStateTensor(part, tensor, room);
      if (tensor.role === 'v' && conversion !== 1)
        for (let i = 0; i < data.length; i++) data[i] = data[i]! * conversion;
      return data;
    },
  });
  return manifest;
}

/** Where the file of moments says what its second moments are counted in; where it does not, they are exp_avg_sq itself. */
const unitKey = 'second_moment_unit';

function unitOf({ digest, header }: Part): number {
  const unit = Number(header.metadata[unitKey] ?? 1);
  if (unit > 0 && Number.isFinite(unit)) return unit;
  throw new DdkError(
    'data_loss',
    `checkpoint file ${digest} counts its second moments in "${header.metadata[unitKey]}"`,
  );
}

interface Part {
  readonly digest: string;
  readonly path: string;
  readonly header: SafetensorsHeader;
}

async function openPart(artifacts: ArtifactStore, { digest }: ArtifactReference): Promise<Part> {
  const path = await artifacts.localPath(digest);
  return { digest, path, header: await readHeader(path) };
}

async function readStateTensor(
  { digest, path, header }: Part,
  tensor: StateTensor,
  room: Float32Array<ArrayBuffer> | undefined,
): Promise<Float32Array> {
  const name = nameInFile(tensor);
  const entry = header.entries.get(name);
  if (entry?.dtype !== 'F32' || entry.shape.join() !== tensor.shape.join()) {
    const found = entry ? `${entry.dtype} [${entry.shape.join(', ')}]` : 'absent';
    throw new DdkError(
      'failed_precondition',
      `checkpoint file ${digest} is not of this model: ${name} should be F32 [${tensor.shape.join(', ')}] and is ${found}`,
    );
  }
  if (!room) return toFloat32(await readTensor(path, entry), entry);
  await readTensor(path, entry, new Uint8Array(room.buffer, room.byteOffset, room.byteLength));
  return room;
}

function piecesOf(
  snapshot: StateSnapshot,
  part: 'weights' | 'moments',
  metadata: Readonly<Record<string, string>> = {},
): AsyncIterable<Uint8Array> {
  const sources = snapshot.tensors
    .filter(({ role }) => (role === 'parameter') === (part === 'weights'))
    .map((tensor): TensorSource => {
      return {
        name: nameInFile(tensor),
        dtype: 'F32',
        shape: tensor.shape,
        data: () => bytesOfFloats(snapshot.peek(tensor.role, tensor.name)),
      };
    });
  return safetensorsPieces(sources, { ...fileMetadata, ...metadata });
}

/** Parameters have their own names, so that the weights are a model's safetensors file as it is. */
function nameInFile({ role, name }: StateTensor): string {
  return role === 'parameter' ? name : `${role}.${name}`;
}
