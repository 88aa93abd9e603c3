// The encodings that the teacher's distribution travels in, their sizes and limits.
import { DdkError } from '#base';

/**
 * - `dense_f16`: the log-probabilities of the whole vocabulary, for small vocabularies and tests.
 * - `top_k`: the k likeliest tokens; what they leave of the probability is one tail bucket, computed from the decoded
 *   entries and never sent.
 */
export type TargetEncoding = { readonly kind: 'dense_f16' } | { readonly kind: 'top_k'; readonly k: number };

/** Entries of each position in order of falling probability, equal ones in order of rising id. */
export interface TopKTargets {
  readonly kind: 'top_k';
  readonly positions: number;
  readonly k: number;
  /** Token ids, [positions * k]. */
  readonly ids: Int32Array;
  /** Natural logarithms, at most 0 and finite once decoded, [positions * k]. exp of a position's entries sums to at most 1. */
  readonly logProbs: Float32Array;
}

export interface DenseTargets {
  readonly kind: 'dense_f16';
  readonly positions: number;
  readonly vocabSize: number;
  /** Natural logarithms, [positions * vocabSize]. exp of a position's entries sums to 1. */
  readonly logProbs: Float32Array;
}

/** Version of the packed bytes; part of every cache key. */
export const targetsFormatVersion = 1;

/** Ids are packed in at most three bytes. */
export const largestVocabSize = 2 ** 24;

/** Bytes of one token id: 2 up to a vocabulary of 65,536, then 3. */
export function idBytes(vocabSize: number): 2 | 3 {
  return vocabSize <= 65_536 ? 2 : 3;
}

/** Packed size of one position: 2 V for `dense_f16`, 4 k or 5 k for `top_k`. Refuses impossible sizes: invalid_argument. */
export function bytesPerPosition(encoding: TargetEncoding, vocabSize: number): number {
  if (!Number.isInteger(vocabSize) || vocabSize < 1 || vocabSize > largestVocabSize) {
    throw new DdkError(
      'invalid_argument',
      `The vocabulary size must be an integer from 1 to ${largestVocabSize}, but is ${vocabSize}.`,
    );
  }
  switch (encoding.kind) {
    case 'dense_f16':
      return 2 * vocabSize;
    case 'top_k': {
      const { k } = encoding;
      if (!Number.isInteger(k) || k < 1 || k > vocabSize) {
        throw new DdkError(
          'invalid_argument',
          `k must be an integer from 1 to the vocabulary size ${vocabSize}, but is ${k}.`,
        );
      }
      return k * (idBytes(vocabSize) + 2);
    }
  }
}
