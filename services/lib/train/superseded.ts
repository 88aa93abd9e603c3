// Checkpoints that a later one has superseded within an interval, deleted once nobody can need them: without that a long
// interval fills the disk with every commit.
//
// Why nobody loses what it needs. All records are looked at a grace after the checkpoint was superseded; what goes no record
// names then, and nobody has put it since it was superseded (the store sees to that, also while it deletes). So a record that
// needs it would have to be written after the look, by somebody who
// - put it: then more than a grace before that record. No commit takes so long from its first artifact to its record. That is
//   how another run with the same spec, or another attempt at the same steps, comes to the same checkpoints.
// - found it in a record: a fork takes the checkpoint that a run's own record names, which is the end of an interval; those
//   are named for as long as the run is and are never superseded. What is superseded was named by the interval's record
//   alone, and that record has moved on for good: it is changed by compare-and-set, and never back.
// Nothing is remembered of what is to go: a crash before, between or after leaves garbage, which `ddk gc` finds by records.
import { type Clock, DdkError, type Logger } from '#base';
import type { Store } from '#store';
import { NamedCheckpoints } from '#work';
import { readCheckpoint } from './checkpoint.js';
import type { CheckpointManifest } from './checkpoint-manifest.js';
import { expendable, partsOf } from './expendable.js';

/**
 * Time that a commit gets from the first of its artifacts to its record, beside that of writing them: for a stalled disk, or
 * a store that was away and came back. Two graces of checkpoints are little beside what a run keeps.
 */
const defaultGraceMs = 120_000;
/** Slower than any disk or store worth training on. */
const slowestBytesPerMs = 20_000;

export interface SupersededOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default two minutes; the time of writing comes on top. */
  readonly graceMs?: number;
}

interface Candidate {
  readonly digest: string;
  /** When it was superseded, as the store counts. */
  readonly sinceMs: number;
  /** The same on a clock that nobody sets, and that stands still while the machine sleeps. */
  readonly monotonicMs: number;
}

export class SupersededCheckpoints {
  readonly #options: SupersededOptions;
  readonly #graceMs: number;
  readonly #names: NamedCheckpoints;
  #candidates: readonly Candidate[] = [];
  /** Checkpoints that records named at the last look, as their parts: manifests never change. */
  #named: ReadonlyMap<string, readonly string[]> = new Map();
  #looking: Promise<void> | undefined;
  #nextLookMs = Number.NEGATIVE_INFINITY;

  constructor(options: SupersededOptions) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#names = new NamedCheckpoints(options.store.records);
  }

  /**
   * The record that named the checkpoint `digest` names a later one now. It is deleted when its time has come, at a later
   * call; what has come due by this one is deleted in the background.
   */
  add(digest: string): void {
    const { clock } = this.#options;
    const monotonicMs = clock.monotonicMs();
    const due = this.#candidates.some((candidate) => monotonicMs - candidate.monotonicMs >= this.#graceMs);
    this.#candidates = [...this.#candidates, { digest, sinceMs: clock.now(), monotonicMs }];
    if (!due || this.#looking || monotonicMs < this.#nextLookMs) return;
    // One look a grace: stores with many runs have many records.
    this.#nextLookMs = monotonicMs + this.#graceMs;
    this.#looking = this.#look(this.#candidates, monotonicMs).finally(() => {
      this.#looking = undefined;
    });
  }

  /** Resolves once nothing is being deleted. */
  async idle(): Promise<void> {
    await this.#looking;
  }

  async #look(candidates: readonly Candidate[], beganMs: number): Promise<void> {
    try {
      const needed = await this.#neededNow();
      for (const candidate of candidates) await this.#consider(candidate, beganMs, needed);
    } catch (err) {
      // They stay where they are; the next look tries again.
      this.#options.logger.warn({ err }, 'superseded checkpoints could not be deleted');
    }
  }

  async #consider(candidate: Candidate, beganMs: number, needed: ReadonlySet<string>): Promise<void> {
    const { store, logger } = this.#options;
    const { digest, sinceMs, monotonicMs } = candidate;
    const manifest = await this.#manifestOf(digest);
    const writingMs = manifest ? bytesOf(manifest) / slowestBytesPerMs : 0;
    if (beganMs - monotonicMs < this.#graceMs + writingMs) return;
    if (manifest)
      for (const part of expendable(partsOf(digest, manifest), needed))
        await store.artifacts.delete(part, { unlessPutSinceMs: sinceMs });
    // What somebody else names or has put since is theirs to supersede.
    this.#candidates = this.#candidates.filter((other) => other !== candidate);
    logger.debug({ checkpointDigest: digest }, 'a superseded checkpoint was deleted');
  }

  /** The artifacts that checkpoints which records name are made of. */
  async #neededNow(): Promise<ReadonlySet<string>> {
    const named = new Map<string, readonly string[]>();
    for (const digest of await this.#names.look()) {
      const known = this.#named.get(digest);
      const manifest = known ? undefined : await this.#manifestOf(digest);
      const parts = known ?? (manifest && partsOf(digest, manifest));
      if (parts) named.set(digest, parts);
    }
    this.#named = named;
    return new Set([...named.values()].flat());
  }

  /** Undefined for what is missing, damaged or no checkpoint: nobody can go on from it. */
  async #manifestOf(digest: string): Promise<CheckpointManifest | undefined> {
    try {
      return await readCheckpoint(digest, this.#options.store.artifacts);
    } catch (error) {
      const { code } = DdkError.from(error);
      if (code === 'not_found' || code === 'data_loss') return undefined;
      throw error;
    }
  }
}

const bytesOf = ({ weights, moments }: CheckpointManifest): number => weights.bytes + (moments?.bytes ?? 0);
