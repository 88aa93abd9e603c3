// How much of each domain to train on next: the equations of DDK and the plain policies beside them. Pure functions.
export {
  type DomainMeasurement,
  discrepancyFactors,
  perplexityRatio,
  updateFactors,
} from './discrepancy.js';
export { type MixturePlan, type MixtureState, planMixture } from './plan.js';
export { type MixturePolicy, policyViolations, validatePolicy } from './policy.js';
