// Targets to bytes and back. Bytes that arrive are hostile until decoded.
import { DdkError } from '#base';
import { packDense, unpackDense } from './dense.js';
import { bytesPerPosition, type DenseTargets, type TargetEncoding, type TopKTargets } from './encoding.js';
import { packTopK, unpackTopK } from './top-k.js';

/**
 * Packs targets; equal targets give equal bytes. Entries are rounded to float16 and, for `top_k`, sorted.
 * Throws DdkError invalid_argument: array lengths that do not fit, ids outside the vocabulary or repeated,
 * log-probabilities that are NaN or positive, probabilities that sum to more than 1 (or, dense, not to 1).
 */
export function encodeTargets(targets: TopKTargets | DenseTargets, vocabSize: number): Uint8Array {
  requirePositions(targets.positions);
  switch (targets.kind) {
    case 'dense_f16':
      bytesPerPosition({ kind: 'dense_f16' }, vocabSize);
      requireLength('vocabulary size of the targets', targets.vocabSize, vocabSize);
      requireLength('log-probabilities', targets.logProbs.length, targets.positions * vocabSize);
      return packDense(targets);
    case 'top_k':
      bytesPerPosition({ kind: 'top_k', k: targets.k }, vocabSize);
      requireLength('ids', targets.ids.length, targets.positions * targets.k);
      requireLength('log-probabilities', targets.logProbs.length, targets.positions * targets.k);
      return packTopK(targets, vocabSize);
  }
}

/**
 * Unpacks what `encodeTargets` made. Sizes are checked before anything is allocated; log-probabilities come out finite and
 * at most 0, and a position's probabilities sum to at most 1 (`top_k`) or to 1 (`dense_f16`).
 * Throws DdkError: invalid_argument for impossible parameters, data_loss for bytes that do not fit them.
 */
export function decodeTargets(
  bytes: Uint8Array,
  encoding: TargetEncoding,
  vocabSize: number,
  positions: number,
): TopKTargets | DenseTargets {
  const stride = bytesPerPosition(encoding, vocabSize);
  requirePositions(positions);
  if (bytes.length !== positions * stride) {
    throw new DdkError(
      'data_loss',
      `Targets of ${positions} positions at ${stride} bytes need ${positions * stride} bytes, but ${bytes.length} came.`,
    );
  }
  switch (encoding.kind) {
    case 'dense_f16':
      return unpackDense(bytes, vocabSize, positions);
    case 'top_k':
      return unpackTopK(bytes, encoding.k, vocabSize, positions);
  }
}

function requirePositions(positions: number): void {
  if (Number.isSafeInteger(positions) && positions >= 0) return;
  throw new DdkError(
    'invalid_argument',
    `The number of positions must be a non-negative integer, but is ${positions}.`,
  );
}

function requireLength(what: string, actual: number, expected: number): void {
  if (actual === expected) return;
  throw new DdkError('invalid_argument', `The ${what} must be ${expected}, but ${actual} were given.`);
}
