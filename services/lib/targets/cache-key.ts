// The name under which a window's targets are kept: everything that decides their bytes, and nothing else.
import { canonicalJson, Sha256, sha256Hex } from '#base';
import { type TargetEncoding, targetsFormatVersion } from './encoding.js';

export interface TargetsIdentity {
  /** Token ids of the window, T + 1 of them. */
  readonly windowIds: Int32Array;
  /** T bytes: 1 where the predicted position counts. */
  readonly mask: Uint8Array;
  readonly teacherFingerprint: string;
  readonly encoding: TargetEncoding;
  readonly temperature: number;
  readonly vocabSize: number;
  /** Execution provider and arithmetic: neither gives the other's bits. */
  readonly provider: string;
  readonly precision: string;
  /** Shape the window was scored in, such as `8x128`: kernels may differ in the last bit between shapes. */
  readonly shapeBucket: string;
  /** Defaults to the current format. */
  readonly formatVersion?: number;
}

/** 64 hexadecimal digits; equal for equal identities only. */
export function targetsCacheKey(identity: TargetsIdentity): string {
  return sha256Hex(
    canonicalJson({
      encoding: encodingName(identity.encoding),
      formatVersion: identity.formatVersion ?? targetsFormatVersion,
      ids: digestOfIds(identity.windowIds),
      mask: new Sha256().update(identity.mask).hex(),
      precision: identity.precision,
      provider: identity.provider,
      shapeBucket: identity.shapeBucket,
      teacher: identity.teacherFingerprint,
      temperature: identity.temperature,
      vocabSize: identity.vocabSize,
    }),
  );
}

function encodingName(encoding: TargetEncoding): string {
  switch (encoding.kind) {
    case 'dense_f16':
      return 'dense_f16';
    case 'top_k':
      return `top_k/${encoding.k}`;
  }
}

// Little-endian whatever the machine, so that keys can be shared.
function digestOfIds(ids: Int32Array): string {
  const bytes = new Uint8Array(ids.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < ids.length; i++) view.setInt32(4 * i, ids[i]!, true);
  return new Sha256().update(bytes).hex();
}
