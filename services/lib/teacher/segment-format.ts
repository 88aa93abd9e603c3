// The bytes of a segment, a file of cached targets that only grows: groups of records, each group written at once.
//
//   group   head, then its records
//   head    magic (4), number of records n (u32), n times [key (32), payload bytes (u32)], SHA-256 of all before it (32)
//   record  SHA-256 of key and payload (32), payload
//
// Integers are little-endian. The heads alone tell where every record is, so that opening reads no payload; a record's own
// checksum covers its key, so that bytes found at a wrong place are never taken for it.
import type { FileHandle } from 'node:fs/promises';
import { assert, Sha256 } from '#base';

export interface KeyedPayload {
  /** 64 hexadecimal digits. */
  readonly key: string;
  readonly payload: Uint8Array;
}

export interface RecordPlace {
  readonly key: string;
  /** Byte of the file that the record begins at. */
  readonly at: number;
  /** Bytes of the record, its checksum included. */
  readonly bytes: number;
}

export interface ScannedSegment {
  readonly places: readonly RecordPlace[];
  /** Byte that the last whole group ends at. */
  readonly end: number;
  /** What follows it: nothing, the beginning of a group, or bytes that are none. */
  readonly tail: 'none' | 'unfinished' | 'damaged';
}

/** Most records of a group: bounds what is believed of a head before its checksum is. */
const maxGroupRecords = 1024;

const magic = 0x31676b64; // "dkg1", the version of this form
const magicBytes = 8;
const keyBytes = 32;
const nameBytes = keyBytes + 4;
const checksumBytes = 32;
const largestPayloadBytes = 2 ** 32 - 1;
/** Holds the head of a hundred records, so that it mostly takes one read. */
const headReadBytes = 4096;

/** Bytes of the group that these records make. */
export function groupBytes(records: readonly KeyedPayload[]): number {
  return records.reduce((sum, record) => sum + recordBytes(record), magicBytes + checksumBytes);
}

/** What a record adds to its group. */
function recordBytes({ payload }: KeyedPayload): number {
  return nameBytes + checksumBytes + payload.byteLength;
}

/** Cuts records into groups, in order, each within these bounds or of one record. */
export function* groupsOf(
  records: readonly KeyedPayload[],
  mostBytes: number,
  mostRecords: number,
): Generator<KeyedPayload[]> {
  const most = Math.min(mostRecords, maxGroupRecords);
  let group: KeyedPayload[] = [];
  let bytes = groupBytes(group);
  for (const record of records) {
    if (group.length > 0 && (group.length >= most || bytes + recordBytes(record) > mostBytes)) {
      yield group;
      group = [];
      bytes = groupBytes(group);
    }
    group.push(record);
    bytes += recordBytes(record);
  }
  if (group.length > 0) yield group;
}

/** A group that begins at byte `at` of its file: what to write, without copies of the payloads, and where each will be. */
export function packGroup(
  records: readonly KeyedPayload[],
  at: number,
): { readonly buffers: readonly Uint8Array[]; readonly places: readonly RecordPlace[] } {
  assert(
    records.length > 0 && records.length <= maxGroupRecords,
    'a group has some records and not too many',
  );
  const head = Buffer.alloc(headBytes(records.length));
  const buffers: Uint8Array[] = [head];
  const places: RecordPlace[] = [];
  let end = at + head.byteLength;
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(records.length, 4);
  for (const [i, { key, payload }] of records.entries()) {
    assert(payload.byteLength <= largestPayloadBytes, 'the length of a payload fits its field');
    const name = magicBytes + i * nameBytes;
    head.write(key, name, 'hex');
    head.writeUInt32LE(payload.byteLength, name + keyBytes);
    const bytes = checksumBytes + payload.byteLength;
    buffers.push(checksum(head.subarray(name, name + keyBytes), payload), payload);
    places.push({ key, at: end, bytes });
    end += bytes;
  }
  const named = head.subarray(0, -checksumBytes);
  checksum(named).copy(head, named.byteLength);
  return { buffers, places };
}

/** The payload of a record as it was read from its place; undefined if these are not the bytes that were kept. */
export function payloadOf(key: string, record: Buffer): Buffer | undefined {
  if (record.byteLength < checksumBytes) return undefined;
  const payload = record.subarray(checksumBytes);
  const expected = checksum(Buffer.from(key, 'hex'), payload);
  return expected.equals(record.subarray(0, checksumBytes)) ? payload : undefined;
}

/** The records of whole groups from byte `from` to `size`, at most about `most`; the rest is as if it were not there. */
export async function scanSegment(
  file: FileHandle,
  from: number,
  size: number,
  most: number,
): Promise<ScannedSegment> {
  const places: RecordPlace[] = [];
  let end = from;
  while (end < size && places.length < most) {
    const head = await readHead(file, end, size);
    if (typeof head === 'string') return { places, end, tail: head };
    const group: RecordPlace[] = [];
    let next = end + head.byteLength;
    for (let name = magicBytes; name < head.byteLength - checksumBytes; name += nameBytes) {
      const bytes = checksumBytes + head.readUInt32LE(name + keyBytes);
      group.push({ key: head.toString('hex', name, name + keyBytes), at: next, bytes });
      next += bytes;
    }
    if (next > size) return { places, end, tail: 'unfinished' };
    places.push(...group);
    end = next;
  }
  return { places, end, tail: 'none' };
}

/** Exactly `bytes` bytes from byte `at`; fewer where the file ends. */
export async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

async function readHead(
  file: FileHandle,
  at: number,
  size: number,
): Promise<Buffer | 'unfinished' | 'damaged'> {
  const start = await readAt(file, at, Math.min(headReadBytes, size - at));
  if (start.byteLength < magicBytes) return 'unfinished';
  const records = start.readUInt32LE(4);
  if (start.readUInt32LE(0) !== magic || records < 1 || records > maxGroupRecords) return 'damaged';
  const bytes = headBytes(records);
  if (at + bytes > size) return 'unfinished';
  const head = bytes <= start.byteLength ? start.subarray(0, bytes) : await readAt(file, at, bytes);
  if (head.byteLength < bytes) return 'unfinished';
  const named = head.subarray(0, -checksumBytes);
  return checksum(named).equals(head.subarray(-checksumBytes)) ? head : 'damaged';
}

function headBytes(records: number): number {
  return magicBytes + records * nameBytes + checksumBytes;
}

function checksum(...parts: readonly Uint8Array[]): Buffer {
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return Buffer.from(hash.hex(), 'hex');
}
