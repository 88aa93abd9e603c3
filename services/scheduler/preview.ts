// What a policy would make of measurements, without a run.
import { requireNone, type Violation } from '#base';
import { type DomainMeasurement, type MixtureState, planMixture } from '#mixture';
import type { PreviewMixtureRequest, PreviewMixtureResponse } from '#proto/ddk/v1/scheduler';
import { mixturePolicy } from './mixture-spec.js';

/** Factors that a person has copied from a table are rounded. */
const factorSumTolerance = 0.01;

/**
 * The mixture that would be drawn by next. A first measurement, without previous factors, counts as the interval before its
 * own as well: it shows what Eq. 2 makes of these gaps, and not the uniform draw of interval 0.
 */
export function previewMixture(request: PreviewMixtureRequest): PreviewMixtureResponse {
  requireNone(requestViolations(request));
  const policy = mixturePolicy(request.mixture);
  const measurements = measurementsOf(request);
  const previous: MixtureState =
    request.previousFactors.length > 0
      ? { factors: request.previousFactors, initial: false }
      : planMixture(policy, undefined, measurements).state;
  const { weights, state } = planMixture(policy, previous, measurements);
  return { weights, factors: [...state.factors] };
}

function measurementsOf({ gaps, trainTokens }: PreviewMixtureRequest): DomainMeasurement[] {
  return gaps.map(({ domain, studentLoss, teacherLoss }, i) => ({
    ...(domain === '' ? {} : { name: domain }),
    studentLoss,
    teacherLoss,
    trainingTokens: Number(trainTokens[i]),
  }));
}

function requestViolations({ gaps, trainTokens, previousFactors }: PreviewMixtureRequest): Violation[] {
  const violations: Violation[] = [];
  const note = (field: string, description: string) => violations.push({ field, description });
  if (gaps.length === 0) note('gaps', 'must have one entry per domain, but is empty');
  const perGap = `must have one entry per gap: ${gaps.length}, but has`;
  if (trainTokens.length !== gaps.length) note('train_tokens', `${perGap} ${trainTokens.length}`);
  if (previousFactors.length > 0) {
    if (previousFactors.length !== gaps.length)
      note('previous_factors', `${perGap} ${previousFactors.length}`);
    const bad = previousFactors.findIndex((factor) => !(factor >= 0 && factor <= 1));
    const sum = previousFactors.reduce((total, factor) => total + factor, 0);
    if (bad >= 0) note(`previous_factors[${bad}]`, `must lie in [0, 1], but is ${previousFactors[bad]}`);
    else if (Math.abs(sum - 1) > factorSumTolerance)
      note('previous_factors', `must sum to 1, but come to ${sum}`);
  }
  return violations;
}
