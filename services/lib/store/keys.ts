// What may be a key, a prefix, a value and a digest: checked at the door of every adapter.

import { DdkError } from '#base';

const maxKeyLength = 512;
const maxSegmentLength = 200;

/** NATS carries one message of 1 MiB at most, its headers included. */
export const maxRecordBytes = 1_000_000;

const segmentPattern = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

function invalid(what: string, value: string, rule: string): DdkError {
  const shown = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  return new DdkError('invalid_argument', `${shown} is not a ${what}: ${rule}.`, { reason: 'BAD_KEY' });
}

export function assertKey(key: string): void {
  const sound =
    key.length <= maxKeyLength &&
    key.split('/').every((segment) => segment.length <= maxSegmentLength && segmentPattern.test(segment));
  if (!sound)
    throw invalid(
      'record key',
      key,
      `use segments of a-z, 0-9, "_", "-" and single inner dots, joined by "/", ${maxKeyLength} characters at most`,
    );
}

export function assertPrefix(prefix: string): void {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  const sound =
    prefix.length <= maxKeyLength &&
    segments.every((segment) => segmentPattern.test(segment)) &&
    (last === '' || segmentPattern.test(last.replace(/\.$/, '')));
  if (!sound) throw invalid('prefix of record keys', prefix, 'give the beginning of a key');
}

export function assertValue(key: string, value: Uint8Array): void {
  if (value.byteLength > maxRecordBytes)
    throw new DdkError(
      'invalid_argument',
      `Record ${key} would have ${value.byteLength} bytes, the limit is ${maxRecordBytes}: put the bulk into an artifact.`,
    );
}

const digestPattern = /^sha256:([0-9a-f]{64})$/;

/** Whether an artifact that was put at `modifiedMs` is spared by `DeleteOptions.unlessPutSinceMs`. */
export function isPutSince(modifiedMs: number | undefined, unlessPutSinceMs: number | undefined): boolean {
  return modifiedMs !== undefined && unlessPutSinceMs !== undefined && modifiedMs > unlessPutSinceMs;
}

/** The hexadecimal part of a digest. */
export function digestHex(digest: string): string {
  const hex = digestPattern.exec(digest)?.[1];
  if (hex === undefined)
    throw invalid('digest', digest, 'a digest is "sha256:" and 64 lower-case hexadecimal digits');
  return hex;
}
