// The one window that stands for a held-out document.

import { keyedUniform } from '#base';
import type { DocumentKey } from './held-out.js';
import type { Window } from './window.js';

/**
 * Cuts a sample of T + 1 tokens from a document's tokens, its end-of-text token included. From a longer document a
 * place keyed by its hash; a shorter one is filled up with end-of-text tokens that do not count. A place without any
 * counted position (a long prompt) is exchanged for one whose first predicted token counts.
 *
 * @param counted by token: 1 where it counts as a label
 */
export function cutSample(
  ids: Int32Array,
  counted: Uint8Array,
  settings: { readonly sequenceLength: number; readonly seed: number; readonly endOfText: number },
  key: DocumentKey,
): Window {
  const { sequenceLength, seed, endOfText } = settings;
  const offset = chooseOffset(counted, sequenceLength, seed, Number.parseInt(key.slice(0, 8), 16));
  const window = {
    ids: new Int32Array(sequenceLength + 1).fill(endOfText),
    mask: new Uint8Array(sequenceLength),
  };
  window.ids.set(ids.subarray(offset, offset + sequenceLength + 1));
  window.mask.set(counted.subarray(offset + 1, offset + 1 + sequenceLength));
  return window;
}

function chooseOffset(counted: Uint8Array, sequenceLength: number, seed: number, key: number): number {
  const last = counted.length - (sequenceLength + 1);
  if (last <= 0) return 0;
  const offset = Math.floor(keyedUniform(seed, 'corpus/sample', key, 0) * (last + 1));
  if (counted.subarray(offset + 1, offset + 1 + sequenceLength).includes(1)) return offset;
  const labels: number[] = [];
  for (let at = 1; at < counted.length; at++) if (counted[at] === 1) labels.push(at);
  if (labels.length === 0) return offset;
  const chosen = labels[Math.floor(keyedUniform(seed, 'corpus/sample', key, 1) * labels.length)]!;
  return Math.min(chosen - 1, last);
}
