// A checkpoint by its digest, made sure to be of the model that it is opened for.
import { DdkError } from '#base';
import { openWeights, type Weights, weightProblems } from '#model';
import type { DecoderConfig } from '#nn';
import type { ArtifactStore } from '#store';
import { readCheckpoint } from './checkpoint.js';
import type { CheckpointManifest } from './checkpoint-manifest.js';

export interface OpenedCheckpoint {
  readonly manifest: CheckpointManifest;
  /** Where they lie; nothing but their header has been read. */
  readonly weights: Weights;
}

/** Problems named in the message; the rest is counted. */
const mostNamed = 3;

/**
 * Opens a checkpoint of a model with this configuration. Throws `not_found` for a missing artifact, `invalid_argument` for one
 * that is no checkpoint, `failed_precondition` with reason CHECKPOINT_OF_ANOTHER_MODEL where the tensors are others.
 */
export async function openCheckpoint(
  digest: string,
  artifacts: ArtifactStore,
  config: DecoderConfig,
): Promise<OpenedCheckpoint> {
  const manifest = await readCheckpoint(digest, artifacts);
  const weights = await openWeights(await artifacts.localPath(manifest.weights.digest));
  const problems = weightProblems(config, weights, ['F32']);
  if (problems.length === 0) return { manifest, weights };
  const named = problems.slice(0, mostNamed).map(({ description }) => description);
  const more = problems.length > mostNamed ? `; and ${problems.length - mostNamed} more` : '';
  throw new DdkError(
    'failed_precondition',
    `Checkpoint ${digest} is of another model than the student: ${named.join('; ')}${more}. Give a checkpoint of a student with the same config.json.`,
    { reason: 'CHECKPOINT_OF_ANOTHER_MODEL' },
  );
}
