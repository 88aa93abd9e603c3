// Packing of the k likeliest tokens. A position is k ids (2 or 3 bytes each), then k float16 log-probabilities, little-endian.
import { DdkError } from '#base';
import { bytesPerPosition, idBytes, type TopKTargets } from './encoding.js';
import { logProbBits, logProbIndex, logProbTables, requireSum } from './log-probabilities.js';

/**
 * Where a position's rounded entries sum to more than 1 they are scaled to this instead: the float32 log-probabilities
 * that result are rounded once more, which moves the sum by at most its entropy times 2^-24, and must not end above 1.
 */
const logOfFullSum = -(2 ** -20);

export function packTopK(targets: TopKTargets, vocabSize: number): Uint8Array {
  const { positions, k, ids, logProbs } = targets;
  const stride = bytesPerPosition({ kind: 'top_k', k }, vocabSize);
  const width = idBytes(vocabSize);
  const bytes = new Uint8Array(positions * stride);
  const probs = logProbTables().probs;
  const requireId = idChecker(vocabSize, 'invalid_argument');
  const bits = new Uint16Array(k);
  const order = new Uint32Array(k);
  for (let p = 0; p < positions; p++) {
    let sum = 0;
    for (let j = 0; j < k; j++) {
      requireId(ids[p * k + j]!, p);
      const entry = logProbBits(logProbs[p * k + j]!, p);
      bits[j] = entry;
      order[j] = j;
      sum += probs[entry & 0x7fff]!;
    }
    requireSum(sum, 0, p, 'invalid_argument');
    sortEntries(order, bits, ids, p * k);
    let idAt = p * stride;
    let bitsAt = idAt + k * width;
    for (let j = 0; j < k; j++) {
      const id = ids[p * k + order[j]!]!;
      const entry = bits[order[j]!]!;
      bytes[idAt] = id;
      bytes[idAt + 1] = id >>> 8;
      if (width === 3) bytes[idAt + 2] = id >>> 16;
      bytes[bitsAt] = entry;
      bytes[bitsAt + 1] = entry >>> 8;
      idAt += width;
      bitsAt += 2;
    }
  }
  return bytes;
}

/** `bytes` has exactly positions * bytesPerPosition bytes. Everything else about them is checked here: data_loss. */
export function unpackTopK(bytes: Uint8Array, k: number, vocabSize: number, positions: number): TopKTargets {
  const width = idBytes(vocabSize);
  const stride = k * (width + 2);
  const tables = logProbTables();
  const requireId = idChecker(vocabSize, 'data_loss');
  const ids = new Int32Array(positions * k);
  const logProbs = new Float32Array(positions * k);
  for (let p = 0; p < positions; p++) {
    let idAt = p * stride;
    let bitsAt = idAt + k * width;
    let sum = 0;
    let previousIndex = 0;
    let previousId = -1;
    for (let j = 0; j < k; j++) {
      const id = bytes[idAt]! | (bytes[idAt + 1]! << 8) | (width === 3 ? bytes[idAt + 2]! << 16 : 0);
      requireId(id, p);
      const index = logProbIndex(bytes[bitsAt]! | (bytes[bitsAt + 1]! << 8), p);
      if (index < previousIndex || (index === previousIndex && id < previousId)) {
        throw new DdkError('data_loss', `The targets at position ${p} are out of order; they are damaged.`);
      }
      previousIndex = index;
      previousId = id;
      ids[p * k + j] = id;
      logProbs[p * k + j] = tables.logProbs[index]!;
      sum += tables.probs[index]!;
      idAt += width;
      bitsAt += 2;
    }
    requireSum(sum, 0, p, 'data_loss');
    if (sum > 1) {
      const shift = logOfFullSum - Math.log(sum);
      for (let j = p * k; j < (p + 1) * k; j++) logProbs[j] = logProbs[j]! + shift;
    }
  }
  return { kind: 'top_k', positions, k, ids, logProbs };
}

/** Falling probability (the bits' magnitude rises as log p falls), then rising id. Insertion: teachers send them sorted already. */
function sortEntries(order: Uint32Array, bits: Uint16Array, ids: Int32Array, base: number): void {
  for (let j = 1; j < order.length; j++) {
    const entry = order[j]!;
    const key = bits[entry]! & 0x7fff;
    const id = ids[base + entry]!;
    let at = j;
    while (at > 0) {
      const other = order[at - 1]!;
      const otherKey = bits[other]! & 0x7fff;
      if (otherKey < key || (otherKey === key && ids[base + other]! < id)) break;
      order[at] = other;
      at--;
    }
    order[at] = entry;
  }
}

/** Refuses ids outside the vocabulary and ids that occur twice at one position. */
function idChecker(
  vocabSize: number,
  code: 'invalid_argument' | 'data_loss',
): (id: number, position: number) => void {
  const lastSeenAt = new Int32Array(vocabSize).fill(-1);
  return (id, position) => {
    if (!(id >= 0 && id < vocabSize)) {
      throw new DdkError(
        code,
        `Token id ${id} at position ${position} of the targets is outside the vocabulary of ${vocabSize}.`,
      );
    }
    if (lastSeenAt[id] === position) {
      throw new DdkError(code, `Token id ${id} occurs twice at position ${position} of the targets.`);
    }
    lastSeenAt[id] = position;
  };
}
