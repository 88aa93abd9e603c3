// Packing of whole distributions: V float16 log-probabilities a position, little-endian, in order of token id.
import type { DenseTargets } from './encoding.js';
import { logProbBits, logProbIndex, logProbTables, requireSum, sumTolerance } from './log-probabilities.js';

export function packDense(targets: DenseTargets): Uint8Array {
  const { positions, vocabSize, logProbs } = targets;
  const bytes = new Uint8Array(positions * vocabSize * 2);
  const probs = logProbTables().probs;
  for (let p = 0; p < positions; p++) {
    let sum = 0;
    for (let at = p * vocabSize; at < (p + 1) * vocabSize; at++) {
      const bits = logProbBits(logProbs[at]!, p);
      sum += probs[bits & 0x7fff]!;
      bytes[2 * at] = bits;
      bytes[2 * at + 1] = bits >>> 8;
    }
    requireSum(sum, 1 - sumTolerance, p, 'invalid_argument');
  }
  return bytes;
}

/** Rounded once when packed, renormalised here, so that a KL against it stays a KL. */
export function unpackDense(bytes: Uint8Array, vocabSize: number, positions: number): DenseTargets {
  const tables = logProbTables();
  const logProbs = new Float32Array(positions * vocabSize);
  for (let p = 0; p < positions; p++) {
    let sum = 0;
    for (let at = p * vocabSize; at < (p + 1) * vocabSize; at++) {
      const index = logProbIndex(bytes[2 * at]! | (bytes[2 * at + 1]! << 8), p);
      logProbs[at] = tables.logProbs[index]!;
      sum += tables.probs[index]!;
    }
    requireSum(sum, 1 - sumTolerance, p, 'data_loss');
    const shift = Math.log(sum);
    // A vocabulary of one has log p = 0 and rounding may not lift it above.
    for (let at = p * vocabSize; at < (p + 1) * vocabSize; at++) {
      logProbs[at] = Math.min(logProbs[at]! - shift, 0);
    }
  }
  return { kind: 'dense_f16', positions, vocabSize, logProbs };
}
