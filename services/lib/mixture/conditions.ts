// The conditions in which no mixture can be planned and a run has to wait for a person.
import { DdkError } from '#base';
import { type DomainMeasurement, excessNats, largestExcessNats } from './discrepancy.js';

/** Reasons of the failed_precondition errors that planMixture throws. */
export type MixtureCondition = 'LOSS_NOT_FINITE' | 'MIXTURE_COLLAPSED' | 'DOMAIN_EMPTY' | 'DOMAINS_CHANGED';

/**
 * A domain below this weight is as good as switched off: one window in a million. Eq. 2 keeps every weight at or above
 * (1 - alpha) / N, so only an alpha at or next to 1 gets here.
 */
const smallestWeight = 1e-6;

export function condition(reason: MixtureCondition, message: string): DdkError {
  return new DdkError('failed_precondition', message, { reason });
}

function domainName(measurements: readonly DomainMeasurement[], index: number): string {
  const name = measurements[index]?.name;
  return name === undefined ? `domain ${index}` : `domain "${name}"`;
}

/**
 * Refuses losses that are NaN or infinite, and those of a student so far behind that the ratio of perplexities is as good as
 * infinite: training on has no meaning once the student or teacher is broken.
 */
export function requireFiniteLosses(measurements: readonly DomainMeasurement[]): void {
  const remedy = 'lower the learning rate or clip gradients harder, and go on from an earlier checkpoint.';
  measurements.forEach((m, i) => {
    const [model, loss] = Number.isFinite(m.studentLoss)
      ? (['teacher', m.teacherLoss] as const)
      : (['student', m.studentLoss] as const);
    const where = domainName(measurements, i);
    if (!Number.isFinite(loss))
      throw condition('LOSS_NOT_FINITE', `The ${model}'s validation loss on ${where} is ${loss}; ${remedy}`);
    if (excessNats(m) >= largestExcessNats)
      throw condition(
        'LOSS_NOT_FINITE',
        `The student's validation loss on ${where} is ${m.studentLoss.toPrecision(6)}, which is over ${largestExcessNats} nats above ` +
          `the teacher's ${m.teacherLoss.toPrecision(6)}: too far for a ratio of perplexities; ${remedy}`,
      );
  });
}

/** Refuses a mixture that draws from a domain without training text. */
export function requireText(measurements: readonly DomainMeasurement[], weights: readonly number[]): void {
  measurements.forEach((m, i) => {
    if (m.trainingTokens > 0 || weights[i] === 0) return;
    throw condition(
      'DOMAIN_EMPTY',
      `There is no training text in ${domainName(measurements, i)} (${m.trainingTokens} tokens), ` +
        'but the mixture draws from it; add text or leave the domain out.',
    );
  });
}

/** Refuses a mixture in which some domain has all but vanished. */
export function requireSpread(measurements: readonly DomainMeasurement[], weights: readonly number[]): void {
  const smallest = Math.min(...weights);
  if (weights.length < 2 || smallest >= smallestWeight) return;
  const gone = weights.indexOf(smallest);
  const heaviest = weights.indexOf(Math.max(...weights));
  throw condition(
    'MIXTURE_COLLAPSED',
    `The mixture has collapsed: ${domainName(measurements, gone)} would get a share of ${smallest.toExponential(1)} and ` +
      `${domainName(measurements, heaviest)} one of ${weights[heaviest]!.toFixed(6)}; lower mixture.alpha or set mixture.ratio_clip.`,
  );
}
