// Float16 log-probabilities: what may be packed, and tables for unpacking them fast.
import { DdkError, floatFromHalf, halfFromFloat } from '#base';

/**
 * Rounding to float16 moves log p by at most |log p| / 2048, so a distribution's sum moves by at most its entropy / 2048:
 * under 0.006 for a vocabulary of 152,000. Anything further away was no distribution to begin with.
 */
export const sumTolerance = 0.01;

/** Slack for a softmax computed in float32 whose largest entry comes out a little above 1. */
const positiveTolerance = 1e-3;

/** Below this a float16 is -infinity; such a token's probability is zero either way, and a finite value keeps 0 * log 0 away. */
const lowestLogProb = -65_504;

const smallestRefusedMagnitude = 0x7c00;

/**
 * Float16 bits of a log-probability; zero is always +0, so that equal distributions have equal bytes.
 * Refuses NaN and values above 0: invalid_argument.
 */
export function logProbBits(logProb: number, position: number): number {
  if (!(logProb <= positiveTolerance)) {
    throw new DdkError(
      'invalid_argument',
      `The log-probability at position ${position} is ${logProb}, but must be at most 0; are these logits?`,
    );
  }
  const bits = halfFromFloat(Math.max(Math.min(logProb, 0), lowestLogProb));
  return bits === 0x8000 ? 0 : bits;
}

/** log p by magnitude of the float16 bits, for all 31,744 finite ones, and p itself. */
export interface LogProbTables {
  readonly logProbs: Float32Array;
  readonly probs: Float64Array;
}

let tables: LogProbTables | undefined;

export function logProbTables(): LogProbTables {
  if (tables !== undefined) return tables;
  const logProbs = new Float32Array(smallestRefusedMagnitude);
  const probs = new Float64Array(smallestRefusedMagnitude);
  for (let magnitude = 0; magnitude < smallestRefusedMagnitude; magnitude++) {
    const logProb = magnitude === 0 ? 0 : -floatFromHalf(magnitude);
    logProbs[magnitude] = logProb;
    probs[magnitude] = Math.exp(logProb);
  }
  tables = { logProbs, probs };
  return tables;
}

/** Index into the tables of received bits; refuses NaN, infinity and values above 0: data_loss. */
export function logProbIndex(bits: number, position: number): number {
  const magnitude = bits & 0x7fff;
  if (magnitude >= smallestRefusedMagnitude || (bits < 0x8000 && magnitude > 0)) {
    throw new DdkError(
      'data_loss',
      `The targets hold ${floatFromHalf(bits)} as a log-probability at position ${position}; they are damaged.`,
    );
  }
  return magnitude;
}

/** Refuses a position whose probabilities cannot be a distribution's, rounding granted. */
export function requireSum(
  sum: number,
  least: number,
  position: number,
  code: 'invalid_argument' | 'data_loss',
): void {
  if (sum <= 1 + sumTolerance && sum >= least) return;
  const allowed = least > 0 ? '1' : 'at most 1';
  throw new DdkError(
    code,
    `The probabilities at position ${position} sum to ${sum.toFixed(4)}, but should sum to ${allowed}.`,
  );
}
