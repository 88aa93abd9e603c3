// What a policy would make of measurements, without a run.
import { invalidArgument } from '#base';
import { type DomainMeasurement, type MixtureState, planMixture } from '#mixture';
import type { PreviewMixtureRequest, PreviewMixtureResponse } from '#proto/ddk/v1/scheduler';
import { mixturePolicy } from './mixture-spec.js';

/**
 * The mixture that would be drawn by next. A first measurement, without previous factors, counts as the interval before its
 * own as well: it shows what Eq. 2 makes of these gaps, and not the uniform draw of interval 0.
 */
export function previewMixture(request: PreviewMixtureRequest): PreviewMixtureResponse {
  const policy = mixturePolicy(request.mixture);
  const measurements = measurementsOf(request);
  const previous: MixtureState =
    request.previousFactors.length > 0
      ? { factors: request.previousFactors, initial: false }
      : planMixture(policy, undefined, measurements).state;
  const { weights, state } = planMixture(policy, previous, measurements);
  return { weights, factors: [...state.factors] };
}

function measurementsOf({ gaps, trainTokens, previousFactors }: PreviewMixtureRequest): DomainMeasurement[] {
  for (const [field, length] of [
    ['train_tokens', trainTokens.length],
    ['previous_factors', previousFactors.length],
  ] as const) {
    if (length === gaps.length || (field === 'previous_factors' && length === 0)) continue;
    const description = `must have one entry per gap: ${gaps.length}, but has ${length}`;
    throw invalidArgument([{ field, description }]);
  }
  return gaps.map(({ domain, studentLoss, teacherLoss }, i) => ({
    ...(domain === '' ? {} : { name: domain }),
    studentLoss,
    teacherLoss,
    trainingTokens: Number(trainTokens[i]),
  }));
}
