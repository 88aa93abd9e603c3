// What a model is, as one digest: its configuration, the contents of its tensors, its tokenizer. How the tensors are
// spread over files does not count.
import { open } from 'node:fs/promises';
import { canonicalJson, Sha256, sha256Hex } from '#base';
import { type DecoderConfig, decoderConfigJson, decoderParameters } from '#nn';
import type { WeightPlace, Weights } from './weights.js';

/** Hashing goes in pieces, so that the thread is never held for long. */
const PIECE_BYTES = 4 * 2 ** 20;

/** `sha256:<hex>` */
export async function modelFingerprint(
  config: DecoderConfig,
  weights: Weights,
  tokenizerFingerprint: string,
): Promise<string> {
  const tensors = await tensorDigests(config, weights);
  return `sha256:${sha256Hex(canonicalJson({ config: decoderConfigJson(config), tensors, tokenizer: tokenizerFingerprint }))}`;
}

/** Digest of each parameter's bytes, by name, read in the order in which they lie on the disk. */
async function tensorDigests(config: DecoderConfig, weights: Weights): Promise<Record<string, string>> {
  const used = new Set(decoderParameters(config).map(({ name }) => name));
  const places = [...weights.places.values()].filter(({ name }) => used.has(name));
  places.sort((a, b) => (a.file === b.file ? a.offset - b.offset : a.file < b.file ? -1 : 1));
  const digests: Record<string, string> = {};
  for (const place of places)
    digests[place.name] = `${place.dtype}[${place.shape.join()}] ${await rangeDigest(place.file, place)}`;
  return digests;
}

/** SHA-256 of a range of a file, in hex. */
export async function rangeDigest(
  path: string,
  range: Pick<WeightPlace, 'offset' | 'byteLength'>,
): Promise<string> {
  const file = await open(path, 'r');
  try {
    const sha = new Sha256();
    const buffer = new Uint8Array(Math.min(PIECE_BYTES, range.byteLength));
    for (let done = 0; done < range.byteLength; ) {
      const wanted = Math.min(buffer.length, range.byteLength - done);
      const { bytesRead } = await file.read(buffer, 0, wanted, range.offset + done);
      if (bytesRead === 0) break;
      sha.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
    return sha.hex();
  } finally {
    await file.close();
  }
}
