// The digest of a model's weights, independent of any file.
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { Sha256 } from '#base';
import type { StateSnapshot } from './engine.js';

// Hashing runs on this thread; pieces of this size keep it free for others every few milliseconds.
const pieceBytes = 4 << 20;

/** `sha256:` over every parameter in the order of the forward pass: its name and shape as a line, then its bytes. */
export async function digestOfWeights(snapshot: StateSnapshot): Promise<string> {
  const sha = new Sha256();
  for (const { role, name, shape } of snapshot.tensors) {
    if (role !== 'parameter') continue;
    sha.update(new TextEncoder().encode(`${name} ${shape.join('x')}\n`));
    const data = snapshot.read('parameter', name);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      sha.update(bytes.subarray(at, at + pieceBytes));
      await yieldToOthers();
    }
  }
  return `sha256:${sha.hex()}`;
}
