// What a safetensors header says, checked against the size of the file before anything trusts it.

import { DdkError } from '#base';
import { dtypeByteLength, isSafetensorsDtype, type SafetensorsDtype, safetensorsDtypes } from './dtype.js';
import { parseHeaderJson } from './header-json.js';

export interface TensorEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Absolute position of the first byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  /** By name, in the order of the bytes in the file. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The length field: an unsigned 64-bit little-endian integer. */
export const lengthFieldBytes = 8;

/** The limit of the reference implementation. */
export const maxHeaderBytes = 100_000_000;

/**
 * Checks a header against the file it stands in. Refused: unknown element types, sizes that are not shape times
 * element size, and any byte of data that belongs to no tensor or to two.
 *
 * @param json the header's bytes, without the length field
 * @param fileBytes size of the whole file
 * @param where how errors name the file
 */
export function parseHeader(json: Uint8Array, fileBytes: number, where: string): SafetensorsHeader {
  const raw = parseHeaderJson(decodeUtf8(json, where), where);
  const dataStart = lengthFieldBytes + json.byteLength;
  const byPosition = [...raw.entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  const entries = new Map<string, TensorEntry>();
  let expected = 0;
  for (const [name, { dtype, shape, begin, end }] of byPosition) {
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (!isSafetensorsDtype(dtype)) {
      const known = safetensorsDtypes.join(', ');
      throw refused(
        where,
        `${tensor} has element type ${JSON.stringify(dtype)}, and only ${known} can be read`,
      );
    }
    if (begin !== expected || end < begin) {
      const problem =
        begin < expected || end < begin ? 'overlap another tensor or run backwards' : 'leave a gap';
      throw refused(where, `the data offsets [${begin}, ${end}] of ${tensor} ${problem}`);
    }
    const bytes = shape.reduce((product, dim) => product * dim, dtypeByteLength(dtype));
    if (bytes !== end - begin) {
      throw refused(where, `${tensor} is ${dtype} [${shape.join(', ')}] but occupies ${end - begin} bytes`);
    }
    entries.set(name, { name, dtype, shape, offset: dataStart + begin, byteLength: bytes });
    expected = end;
  }
  if (dataStart + expected !== fileBytes) {
    throw refused(
      where,
      `its header describes ${dataStart + expected} bytes and the file has ${fileBytes}, so it is cut short or damaged`,
    );
  }
  return { entries, metadata: raw.metadata };
}

function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DdkError(
      'invalid_argument',
      `${where} is not a valid safetensors file: its header is not UTF-8.`,
      {
        cause,
      },
    );
  }
}

export function refused(where: string, problem: string): DdkError {
  return new DdkError('invalid_argument', `${where} is not a valid safetensors file: ${problem}.`);
}
