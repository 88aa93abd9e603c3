// Choosing the next token.
import { DdkError, keyedUniform } from '#base';

export interface SamplingOptions {
  /** Divides the logits; 0 always takes the most probable token. */
  readonly temperature: number;
  /** Only the k most probable tokens are drawn; undefined or 0 draws from all. */
  readonly topK?: number;
  readonly seed: number;
}

/** @throws DdkError invalid_argument for a temperature or k that means nothing */
export function checkSampling({ temperature, topK }: SamplingOptions): void {
  if (!(temperature >= 0) || !Number.isFinite(temperature)) {
    throw new DdkError(
      'invalid_argument',
      `temperature is ${temperature}; it must be 0 or a positive number.`,
    );
  }
  if (topK !== undefined && (!Number.isInteger(topK) || topK < 0)) {
    throw new DdkError('invalid_argument', `topK is ${topK}; it must be a whole number, 0 for all tokens.`);
  }
}

/** The token drawn at `step`; the same logits, seed and step give the same token. */
export function sampleToken(logits_V: Float32Array, options: SamplingOptions, step: number): number {
  const best = mostProbable(logits_V, options.temperature === 0 ? 1 : (options.topK ?? 0));
  const largest = logits_V[best[0]!]!;
  if (options.temperature === 0) return best[0]!;
  const weights = best.map((id) => Math.exp((logits_V[id]! - largest) / options.temperature));
  let rest = keyedUniform(options.seed, 'generate/token', step) * weights.reduce((a, b) => a + b, 0);
  for (const [i, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return best[i]!;
  }
  // Rounding may leave a little when everything has been subtracted.
  return best[0]!;
}

/** Ids of the k largest logits, the largest first and the lower id first of equals; k = 0 gives all. */
function mostProbable(logits_V: Float32Array, k: number): number[] {
  const before = (a: number, b: number): number => logits_V[b]! - logits_V[a]! || a - b;
  if (k === 0 || k >= logits_V.length) return [...logits_V.keys()].sort(before);
  const best: number[] = [];
  for (let id = 0; id < logits_V.length; id++) {
    if (best.length === k && before(best[k - 1]!, id) < 0) continue;
    let at = best.length;
    while (at > 0 && before(id, best[at - 1]!) < 0) at -= 1;
    best.splice(at, 0, id);
    if (best.length > k) best.pop();
  }
  return best;
}
