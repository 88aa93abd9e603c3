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
  const order = [...logits_V.keys()].sort((a, b) => logits_V[b]! - logits_V[a]! || a - b);
  const best = order[0]!;
  if (options.temperature === 0) return best;
  const kept = options.topK ? order.slice(0, options.topK) : order;
  const largest = logits_V[best]!;
  const weights = kept.map((id) => Math.exp((logits_V[id]! - largest) / options.temperature));
  let rest = keyedUniform(options.seed, 'generate/token', step) * weights.reduce((a, b) => a + b, 0);
  for (const [i, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return kept[i]!;
  }
  return kept.at(-1)!;
}
