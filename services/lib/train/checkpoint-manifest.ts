// The manifest of a checkpoint: what is in it, where training stood, and in which environment.
import { canonicalJson, DdkError } from '#base';
import type { TrainEnvironment } from './environment.js';

export const checkpointFormatVersion = 1;
/** Manifests are small: metrics of the steps since the last one are the bulk. */
export const maxManifestBytes = 64 << 20;
/** What the safetensors files of a checkpoint say of themselves: that tensors lie as PyTorch's do. */
export const fileMetadata = { format: 'pt' };

export interface ArtifactReference {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  readonly bytes: number;
}

/** Any plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What the caller keeps with the state, so that one commit covers all of it. */
export interface CheckpointDetails {
  /** The sampler's position, e.g. windows drawn by domain. */
  readonly cursors: Json;
  readonly mixtureVersion: number;
  /** Metrics up to this step, in whatever form the caller reports them. */
  readonly metrics: Json;
}

export interface CheckpointManifest extends CheckpointDetails {
  readonly formatVersion: typeof checkpointFormatVersion;
  /** Steps done. */
  readonly step: number;
  /** Null before the first step: nothing has been computed. */
  readonly environment: TrainEnvironment | null;
  /** safetensors: parameters by name. */
  readonly weights: ArtifactReference;
  /**
   * safetensors: `m.<name>` and `v.<name>`; its metadata has the unit of the latter (see secondMomentUnit). Null before
   * the first step: all zero.
   */
  readonly moments: ArtifactReference | null;
  /** Digest of the weights alone, independent of the file; see TrainEngine.weightsDigest. */
  readonly weightsDigest: string;
}

/** Canonical JSON: equal manifests are equal bytes. */
export function encodeManifest(manifest: CheckpointManifest): Uint8Array {
  return new TextEncoder().encode(canonicalJson(manifest));
}

/** Throws `invalid_argument` for bytes that are no manifest and `failed_precondition` for one of another format version. */
export function decodeManifest(bytes: Uint8Array, where: string): CheckpointManifest {
  const parsed = parse(bytes, where);
  if (!isCount(parsed.formatVersion)) throw notOne(where, 'it has no format version');
  if (parsed.formatVersion !== checkpointFormatVersion) {
    throw new DdkError(
      'failed_precondition',
      `checkpoint ${where} has format version ${String(parsed.formatVersion)}; this release reads ${checkpointFormatVersion}`,
    );
  }
  const { step, environment, weights, moments, weightsDigest, mixtureVersion } = parsed;
  const sound =
    isCount(step) &&
    isCount(mixtureVersion) &&
    typeof weightsDigest === 'string' &&
    isReference(weights) &&
    (moments === null || isReference(moments)) &&
    (environment === null || isEnvironment(environment)) &&
    parsed.cursors !== undefined &&
    parsed.metrics !== undefined;
  if (!sound) throw notOne(where, 'fields are missing or of the wrong type');
  return parsed as unknown as CheckpointManifest;
}

function parse(bytes: Uint8Array, where: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(value)) return value;
  } catch (error) {
    throw notOne(where, 'it is not JSON', error);
  }
  throw notOne(where, 'it is not an object');
}

function isEnvironment(value: unknown): boolean {
  if (!isObject(value) || !isObject(value.shapes)) return false;
  const { provider, device, threads, ortVersion, shapes } = value;
  const texts = [provider, device, ortVersion];
  const counts = [threads, shapes.batch, shapes.microBatches, shapes.length];
  return texts.every((text) => typeof text === 'string') && counts.every(isCount);
}

function isReference(value: unknown): boolean {
  return isObject(value) && /^sha256:[0-9a-f]{64}$/.test(String(value.digest)) && isCount(value.bytes);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notOne(where: string, why: string, cause?: unknown): DdkError {
  return new DdkError('invalid_argument', `Artifact ${where} is not a checkpoint: ${why}.`, { cause });
}
