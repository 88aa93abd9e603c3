// What of a superseded checkpoint may go. Pure: it follows from what records name, as all that is ever deleted does.
import type { CheckpointManifest } from './checkpoint-manifest.js';

/** The artifacts that a checkpoint is made of, its manifest first. */
export function partsOf(digest: string, { weights, moments }: CheckpointManifest): readonly string[] {
  return [digest, weights.digest, ...(moments ? [moments.digest] : [])];
}

/**
 * Those parts of a superseded checkpoint that are in none of `needed`, which holds all parts of the checkpoints that records
 * name. Artifacts are addressed by content, so checkpoints of other runs may share any of them; while a record names the
 * checkpoint itself, all of it is needed. The manifest goes first: what a crash leaves in between are parts that nothing names.
 */
export function expendable(superseded: readonly string[], needed: ReadonlySet<string>): readonly string[] {
  return superseded.filter((part) => !needed.has(part));
}
