// The bytes of one revision of a record on disk: a line of JSON, then the value. Whoever reads it checks all of it.

import { sha256Hex } from '#base';
import { recordDamaged } from './failures.js';

export interface RecordFile {
  readonly revision: number;
  /** Random: tells this revision from another writer's attempt at the same number. */
  readonly nonce: string;
  /** Nonces of the revisions before this one, the nearest first. */
  readonly lineage: readonly string[];
  /** A deletion is a revision too, so that numbers never start over. */
  readonly deleted: boolean;
  readonly value: Uint8Array;
}

interface Header {
  readonly format: 1;
  readonly revision: number;
  readonly nonce: string;
  readonly lineage: readonly string[];
  readonly deleted: boolean;
  readonly sha256: string;
}

export function encodeRecordFile(file: RecordFile): Uint8Array {
  const { value, ...rest } = file;
  const header: Header = { format: 1, ...rest, sha256: sha256Hex(value) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), value]);
}

/** Throws `data_loss` for anything but what `encodeRecordFile` gave for this revision. */
export function decodeRecordFile(bytes: Buffer, key: string, revision: number): RecordFile {
  const end = bytes.indexOf(10);
  const header = end === -1 ? undefined : parseHeader(bytes.toString('utf8', 0, end));
  if (!header) throw recordDamaged(key, revision, 'its header cannot be read');
  if (header.revision !== revision)
    throw recordDamaged(key, revision, `its header says revision ${header.revision}`);
  const value = new Uint8Array(bytes.subarray(end + 1));
  if (sha256Hex(value) !== header.sha256)
    throw recordDamaged(key, revision, 'its value does not fit its checksum');
  return { revision, nonce: header.nonce, lineage: header.lineage, deleted: header.deleted, value };
}

function parseHeader(line: string): Header | undefined {
  try {
    const header: unknown = JSON.parse(line);
    return isHeader(header) ? header : undefined;
  } catch {
    // Not JSON: the same answer as JSON of another shape.
    return undefined;
  }
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { format, revision, nonce, lineage, deleted, sha256 } = value as Record<keyof Header, unknown>;
  return (
    format === 1 &&
    Number.isSafeInteger(revision) &&
    typeof nonce === 'string' &&
    Array.isArray(lineage) &&
    lineage.every((entry) => typeof entry === 'string') &&
    typeof deleted === 'boolean' &&
    typeof sha256 === 'string'
  );
}
