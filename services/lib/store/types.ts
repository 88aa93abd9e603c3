// What a store is: small records with compare-and-set, and artifacts addressed by what they contain.

export interface StoredRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** Grows with every change of the record; two changes may lie more than one apart. */
  readonly revision: number;
}

/**
 * Small values under keys such as `runs/r1`, changed by compare-and-set alone. A change that was reported done is
 * durable and seen by every process; a reader sees a whole value or none.
 *
 * Keys are segments of [a-z0-9._-] joined by `/`. A prefix is the beginning of a key, of any length, also none.
 */
export interface RecordStore {
  get(key: string): Promise<StoredRecord | undefined>;
  /** Returns the first revision. Throws `already_exists` if the record is there. */
  create(key: string, value: Uint8Array): Promise<number>;
  /**
   * Returns the new revision. Throws `aborted` with reason CAS_CONFLICT unless the record is at `expectedRevision`.
   * As with any compare-and-set over a network, a conflict may very rarely be reported for a change that was made and
   * overtaken at once: read again, and look for your own change in what you find.
   */
  update(key: string, value: Uint8Array, expectedRevision: number): Promise<number>;
  /** Throws `aborted` with reason CAS_CONFLICT unless the record is at `expectedRevision`. The key can be created anew. */
  delete(key: string, expectedRevision: number): Promise<void>;
  /** The records whose keys begin with `prefix`, sorted by key. */
  list(prefix: string): Promise<StoredRecord[]>;
  /**
   * The record as it is, if it is there, then whenever it changes; no record below its key. Changes that follow closely
   * may be seen as one, the last is always seen; deletions are not told. Ends without error once the signal aborts; end it by the signal, since
   * leaving the loop while it waits takes effect at the next change only.
   */
  watch(key: string, signal: AbortSignal): AsyncIterable<StoredRecord>;
}

export interface ArtifactInfo {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
}

export interface StoredArtifact extends ArtifactInfo {
  /** When it was last put, in milliseconds since the epoch. */
  readonly modifiedMs: number;
}

export interface DeleteOptions {
  /**
   * Leaves what has been put later than this, in milliseconds since the epoch, also while it is being deleted: whoever put
   * it again is about to need it.
   */
  readonly unlessPutSinceMs?: number;
}

/** Immutable bytes of any size under their digest. What was reported put is durable. */
export interface ArtifactStore {
  /** Streams; nothing is kept of a source that fails. Putting what is there already refreshes and, if need be, heals it. */
  put(source: AsyncIterable<Uint8Array> | Uint8Array): Promise<ArtifactInfo>;
  putFile(path: string): Promise<ArtifactInfo>;
  /** Whether it is there; not whether its bytes are still sound. */
  has(digest: string): Promise<boolean>;
  stat(digest: string): Promise<{ readonly bytes: number } | undefined>;
  /** Throws `not_found`, `resource_exhausted` above maxBytes, `data_loss` where the bytes no longer fit the digest. */
  bytes(digest: string, options: { readonly maxBytes: number }): Promise<Uint8Array>;
  /**
   * A file with these bytes, to be read and never written; it stays until the artifact is deleted or the store closed.
   * The digest is verified the first time. Throws `not_found`, `data_loss`.
   */
  localPath(digest: string): Promise<string>;
  list(): AsyncIterable<StoredArtifact>;
  /** Deleting what is not there is done already. */
  delete(digest: string, options?: DeleteOptions): Promise<void>;
}

export interface Store {
  readonly records: RecordStore;
  readonly artifacts: ArtifactStore;
  /** Health: throws unless the store can be written now. */
  check(): Promise<void>;
  close(): Promise<void>;
}
