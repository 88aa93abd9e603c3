// The digest of a model's weights, independent of any file.
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Sha256 } from '#base';
import type { StateTensor } from './manifest.js';

// Hashing runs on this thread; pieces of this size keep it free for others every few milliseconds.
const pieceBytes = 4 << 20;

/** Parameters that can be read one at a time. */
export interface ReadableWeights {
  readonly tensors: readonly StateTensor[];
  read(role: 'parameter', name: string): Float32Array | Promise<Float32Array>;
}

/** `sha256:` over every parameter in the order of the forward pass: its name and shape as a line, then its bytes. */
export async function digestOfWeights(snapshot: ReadableWeights): Promise<string> {
  const sha = new Sha256();
  for (const { role, name, shape } of snapshot.tensors) {
    if (role !== 'parameter') continue;
    sha.update(new TextEncoder().encode(`${name} ${shape.join('x')}\n`));
    const data = await snapshot.read('parameter', name);
    const bytes = bytesOfFloats(data);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      sha.update(bytes.subarray(at, at + pieceBytes));
      await yieldToOthers();
    }
  }
  return `sha256:${sha.hex()}`;
}

/** A view, not a copy. */
export function bytesOfFloats(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
