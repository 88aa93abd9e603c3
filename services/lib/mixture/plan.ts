// From a policy and the latest measurements to the weights that the next interval draws domains by.
import { condition, requireFiniteLosses, requireSpread, requireText } from './conditions.js';
import {
  type DomainMeasurement,
  discrepancyFactors,
  normalised,
  perplexityRatio,
  uniformWeights,
  updateFactors,
} from './discrepancy.js';
import { type MixturePolicy, validatePolicy } from './policy.js';

/** What one interval's planning hands to the next. */
export interface MixtureState {
  /** The domain discrepancy factors r^t; under a policy other than `ddk`, the weights. */
  readonly factors: readonly number[];
  /** True for interval 0, whose factors r^0 are never drawn by: they only enter Eq. 2. */
  readonly initial: boolean;
}

export interface MixturePlan {
  /** Probability of each domain in the coming interval; sums to 1. */
  readonly weights: number[];
  readonly state: MixtureState;
}

/**
 * Plans one interval. `previous` is undefined for interval 0, which under `ddk` draws uniformly and only keeps r^0
 * (Algorithm 1, lines 1 and 2); afterwards it is the state that the previous call returned.
 *
 * Throws DdkError: invalid_argument for a policy that cannot work; failed_precondition with the reason LOSS_NOT_FINITE,
 * MIXTURE_COLLAPSED, DOMAIN_EMPTY or DOMAINS_CHANGED where the run has to wait for a person.
 */
export function planMixture(
  policy: MixturePolicy,
  previous: MixtureState | undefined,
  measurements: readonly DomainMeasurement[],
): MixturePlan {
  validatePolicy(policy, measurements.length);
  requireUsableFactors(previous, measurements.length);
  requireFiniteLosses(measurements);
  const factors = factorsOf(policy, previous, measurements);
  const initial = previous === undefined;
  const weights = policy.kind === 'ddk' && initial ? uniformWeights(factors.length) : [...factors];
  if (policy.kind === 'ddk') requireSpread(measurements, weights);
  if (policy.kind === 'fixed') requireText(measurements, weights);
  else requireText(measurements, uniformWeights(weights.length));
  return { weights, state: { factors, initial } };
}

function factorsOf(
  policy: MixturePolicy,
  previous: MixtureState | undefined,
  measurements: readonly DomainMeasurement[],
): number[] {
  switch (policy.kind) {
    case 'uniform':
      return uniformWeights(measurements.length);
    case 'natural':
      return normalised(measurements.map((m) => m.trainingTokens));
    case 'fixed':
      return normalised(policy.weights);
    case 'ddk': {
      const clip = policy.ratioClip ?? Number.POSITIVE_INFINITY;
      const ratios = measurements.map((m) => Math.min(perplexityRatio(m), clip));
      return previous === undefined
        ? discrepancyFactors(ratios)
        : updateFactors(previous.factors, ratios, policy.alpha);
    }
  }
}

// Factors come back from a stored record, so they are looked at like any other input.
function requireUsableFactors(previous: MixtureState | undefined, domains: number): void {
  if (previous === undefined) return;
  const { factors } = previous;
  if (factors.length !== domains) {
    throw condition(
      'DOMAINS_CHANGED',
      `The mixture so far has ${factors.length} domains, but ${domains} were measured; the domains of a run cannot change.`,
    );
  }
  if (!factors.every((factor) => factor >= 0 && factor <= 1) || !factors.some((factor) => factor > 0)) {
    throw condition('MIXTURE_COLLAPSED', `The mixture so far is no distribution: [${factors.join(', ')}].`);
  }
}
