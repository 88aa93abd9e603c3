// What of a superseded checkpoint may go. Pure: it follows from what records name, as all that is ever deleted does.
import type { CheckpointManifest } from './checkpoint-manifest.js';

/** A checkpoint as the artifacts that it is made of. */
export interface CheckpointParts {
  /** Of the manifest: the checkpoint's name. */
  readonly digest: string;
  readonly weights: string;
  /** Undefined before the first step. */
  readonly moments: string | undefined;
}

export function partsOf(digest: string, { weights, moments }: CheckpointManifest): CheckpointParts {
  return { digest, weights: weights.digest, moments: moments?.digest };
}

/**
 * The artifacts of `superseded` that no checkpoint in `named` is made of, the manifest first: what a crash leaves in
 * between are parts that nothing names. Artifacts are addressed by content, so checkpoints of other runs may share any of
 * them. None may go while a record names the checkpoint itself.
 */
export function expendable(superseded: CheckpointParts, named: Iterable<CheckpointParts>): string[] {
  const needed = new Set<string | undefined>();
  for (const { digest, weights, moments } of named) {
    if (digest === superseded.digest) return [];
    needed.add(digest).add(weights).add(moments);
  }
  const { digest, weights, moments } = superseded;
  return [digest, weights, moments].filter((part): part is string => part !== undefined && !needed.has(part));
}
