// The equations of DDK (arXiv 2407.16154): how far the student is behind, by domain, and what that makes of the mixture.

/** What the evaluator found out about one domain. */
export interface DomainMeasurement {
  /** Used in messages only; a domain without one is named by its index. */
  readonly name?: string;
  /** Mean cross-entropy of the student over the domain's validation positions, in nats. */
  readonly studentLoss: number;
  /** The same for the teacher. */
  readonly teacherLoss: number;
  /** Tokens of training text in the domain. */
  readonly trainingTokens: number;
}

// exp(709.8) is the largest finite double.
export const largestExcessNats = 700;

/** The two losses of a domain, in nats a position. */
export type Losses = Pick<DomainMeasurement, 'studentLoss' | 'teacherLoss'>;

/** CE_S - CE_T: how far the student is behind, in nats a position. */
export function excessNats({ studentLoss, teacherLoss }: Losses): number {
  return studentLoss - teacherLoss;
}

/**
 * Perplexity of the student over that of the teacher: exp(CE_S) / exp(CE_T) = exp(CE_S - CE_T).
 * The difference is taken first, so that neither perplexity can overflow; the result is always finite for finite losses.
 */
export function perplexityRatio(losses: Losses): number {
  return Math.exp(Math.min(excessNats(losses), largestExcessNats));
}

/** Eq. 1: r[i] = exp(ratio[i]) / sum_j exp(ratio[j]), a softmax over domains of the perplexity ratio. */
export function discrepancyFactors(ratios: readonly number[]): number[] {
  return softmax(ratios);
}

/**
 * Eq. 2: psi[i] = r_t[i] * exp(ratio[i]), r_t+1[i] = alpha * psi[i] / sum_j psi[j] + (1 - alpha) / N.
 *
 * Every weight lies between the floor (1 - alpha) / N and the cap alpha + (1 - alpha) / N. psi is normalised in log
 * space: an untrained student has ratios in the thousands, whose exponential no double can hold.
 */
export function updateFactors(
  previous: readonly number[],
  ratios: readonly number[],
  alpha: number,
): number[] {
  const logPsi = ratios.map((ratio, i) => Math.log(previous[i]!) + ratio);
  const floor = (1 - alpha) / ratios.length;
  return softmax(logPsi).map((psi) => alpha * psi + floor);
}

/** 1 / N for each of N domains. */
export function uniformWeights(domains: number): number[] {
  return new Array<number>(domains).fill(1 / domains);
}

/** Weights of any scale, scaled to sum to 1. */
export function normalised(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  return normalised(logits.map((logit) => Math.exp(logit - largest)));
}
