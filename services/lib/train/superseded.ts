// Checkpoints that a later one has superseded, deleted once nobody can need them: without that a long run fills the disk.
//
// Why nobody loses what it needs. All records are looked at a grace after the checkpoint was superseded; what goes no record
// names then, and nobody has put it since it was superseded (the store sees to that, also while it deletes). So a record that
// needs it would have to be written after the look, by somebody who
// - put it: then more than a grace before that record. No commit takes so long from its first artifact to its record. That is
//   how another run with the same spec, or another attempt at the same steps, comes to the same checkpoints.
// - found it in a record: then that was more than a grace ago, since the records have moved on: they are changed by
//   compare-and-set, and never back. A fork that takes so long to begin is refused, or paused with the name of what is
//   missing; it has trained nothing yet.
// Nothing is remembered of what is to go: a crash before, between or after leaves garbage, which `ddk gc` finds by records.
import { type Clock, DdkError, type Logger } from '#base';
import type { Store } from '#store';
import { checkpointsInUse } from '#work';
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
  /** From when on it may go, on a clock that nobody sets. */
  readonly dueMs: number;
  /** A record still named it at the last look: as the best of a run, or the end of one of its latest intervals. */
  kept: boolean;
}

export class SupersededCheckpoints {
  readonly #options: SupersededOptions;
  readonly #graceMs: number;
  readonly #closing = new AbortController();
  #candidates: readonly Candidate[] = [];
  /** Checkpoints that records named at the last look, as their parts: manifests never change. */
  #named: ReadonlyMap<string, readonly string[]> = new Map();
  #isTended = false;
  #looking: Promise<void> | undefined;
  #nextLookMs = Number.NEGATIVE_INFINITY;

  constructor(options: SupersededOptions) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? defaultGraceMs;
  }

  /**
   * The record that was about the checkpoint `digest` is about a later one now: it is deleted in the background when its time
   * has come and no record names it.
   *
   * @param bytes of the artifacts of a checkpoint like it
   */
  add(digest: string, bytes: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + this.#graceMs + bytes / slowestBytesPerMs;
    this.#candidates = [...this.#candidates, { digest, sinceMs: clock.now(), dueMs, kept: false }];
    if (!this.#isTended && !this.#closing.signal.aborted) void this.#tend();
  }

  /** Resolves once nothing is being deleted. */
  async idle(): Promise<void> {
    await this.#looking;
  }

  /** Deletes nothing any more; resolves once nothing is being deleted. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looking;
  }

  /** Looks until nothing waits for its time. What was kept is looked at again once more has been superseded. */
  async #tend(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    this.#isTended = true;
    while (!signal.aborted && this.#candidates.some(({ kept }) => !kept)) {
      const dueMs = Math.min(...this.#candidates.filter(({ kept }) => !kept).map((waiting) => waiting.dueMs));
      const waitMs = Math.max(dueMs, this.#nextLookMs) - clock.monotonicMs();
      // The sleep ends early, with an error that means nothing here, when this closes.
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      // One look a grace: stores with many runs have many records.
      this.#nextLookMs = clock.monotonicMs() + this.#graceMs;
      this.#looking = this.#look(clock.monotonicMs(), signal);
      await this.#looking;
      this.#looking = undefined;
    }
    this.#isTended = false;
  }

  async #look(nowMs: number, signal: AbortSignal): Promise<void> {
    try {
      const needed = await this.#neededNow();
      for (const candidate of this.#candidates)
        if (candidate.dueMs <= nowMs && !signal.aborted) await this.#consider(candidate, needed);
    } catch (err) {
      // They stay where they are; the next look tries again.
      this.#options.logger.warn({ err }, 'superseded checkpoints could not be deleted');
    }
  }

  async #consider(candidate: Candidate, needed: ReadonlySet<string>): Promise<void> {
    const { store, logger } = this.#options;
    const { digest, sinceMs } = candidate;
    candidate.kept = needed.has(digest);
    if (candidate.kept) return;
    const manifest = await this.#manifestOf(digest);
    if (manifest)
      for (const part of expendable(partsOf(digest, manifest), needed))
        await store.artifacts.delete(part, { unlessPutSinceMs: sinceMs });
    // What it shares with others, or somebody has put since, is theirs to supersede.
    this.#candidates = this.#candidates.filter((other) => other !== candidate);
    logger.debug({ checkpointDigest: digest }, 'a superseded checkpoint was deleted');
  }

  /** The artifacts that checkpoints which records name are made of. */
  async #neededNow(): Promise<ReadonlySet<string>> {
    const named = new Map<string, readonly string[]>();
    for (const digest of await checkpointsInUse(this.#options.store.records)) {
      const known = this.#named.get(digest);
      const manifest = known ? undefined : await this.#manifestOf(digest);
      named.set(digest, known ?? (manifest ? partsOf(digest, manifest) : [digest]));
    }
    this.#named = named;
    return new Set([...named.values()].flat());
  }

  /** Undefined for what is missing, damaged or no checkpoint: nobody can go on from it. */
  async #manifestOf(digest: string): Promise<CheckpointManifest | undefined> {
    try {
      return await readCheckpoint(digest, this.#options.store.artifacts);
    } catch (error) {
      const { code, reason } = DdkError.from(error);
      const isNone = code === 'not_found' || code === 'data_loss' || code === 'invalid_argument';
      if (isNone || reason === 'ARTIFACT_TOO_LARGE') return undefined;
      throw error;
    }
  }
}
