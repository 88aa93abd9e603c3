// The ways of deciding how much of each domain the next interval draws, and what makes one of them a mistake.
import { requireNone, type Violation } from '#base';

/**
 * - `ddk`: Eq. 1 and 2. `alpha` in [0, 1] sets both how fast the mixture follows the gaps and how sharp it ends up:
 *   0 is uniform for ever, 0.5 the paper's value, 1 lets the largest gap take everything. `ratioClip` bounds the perplexity
 *   ratio from above before it is exponentiated (off by default, as in the paper; about 20 helps an untrained student,
 *   whose ratios otherwise all but choose a single domain).
 * - `uniform`: every domain alike.
 * - `natural`: in proportion to each domain's training tokens.
 * - `fixed`: the given weights, of any scale; 0 leaves a domain out.
 */
export type MixturePolicy =
  | { readonly kind: 'ddk'; readonly alpha: number; readonly ratioClip?: number }
  | { readonly kind: 'uniform' }
  | { readonly kind: 'natural' }
  | { readonly kind: 'fixed'; readonly weights: readonly number[] };

/** Refuses a policy that cannot work for this number of domains: invalid_argument, with every violation at once. */
export function validatePolicy(policy: MixturePolicy, domains: number): void {
  requireNone(policyViolations(policy, domains));
}

/** What is wrong with it, by the fields of `mixture`. */
export function policyViolations(policy: MixturePolicy, domains: number): Violation[] {
  const violations: Violation[] = [];
  const refuse = (field: string, description: string) => violations.push({ field, description });
  if (!Number.isInteger(domains) || domains < 1) {
    refuse('domains', `must be at least one, but there are ${domains}`);
  }
  switch (policy.kind) {
    case 'uniform':
    case 'natural':
      break;
    case 'ddk': {
      const { alpha, ratioClip } = policy;
      if (!(alpha >= 0 && alpha <= 1)) {
        refuse('mixture.alpha', `must lie in [0, 1], but is ${alpha}; the paper uses 0.5`);
      }
      if (ratioClip !== undefined && !(ratioClip >= 1 && Number.isFinite(ratioClip))) {
        refuse(
          'mixture.ratio_clip',
          `must be a finite number of at least 1, but is ${ratioClip}; leave it out to clip nothing`,
        );
      }
      break;
    }
    case 'fixed': {
      const { weights } = policy;
      if (weights.length !== domains) {
        refuse(
          'mixture.weights',
          `must have one weight per domain: ${domains}, but there are ${weights.length}`,
        );
      }
      const bad = weights.findIndex((weight) => !(weight >= 0 && Number.isFinite(weight)));
      if (bad >= 0) {
        refuse(`mixture.weights[${bad}]`, `must be a finite number of at least 0, but is ${weights[bad]}`);
      } else if (!(weights.reduce((sum, weight) => sum + weight, 0) > 0)) {
        refuse('mixture.weights', 'must leave at least one domain in, but all weights are 0');
      } else if (weights.reduce((sum, weight) => sum + weight, 0) === Number.POSITIVE_INFINITY) {
        refuse('mixture.weights', 'must have a finite sum: any scale will do, take a smaller one');
      }
      break;
    }
    default: {
      const kind: never = policy;
      refuse('mixture.kind', `is unknown: ${JSON.stringify(kind)}`);
    }
  }
  return violations;
}
