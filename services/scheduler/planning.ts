// From an interval's gaps to its training: the mixture is planned here, or the run paused with the reason why not.
import { DdkError } from '#base';
import { type DomainMeasurement, type MixturePlan, planMixture } from '#mixture';
import type { DomainGap, Interval, Reason } from '#proto/ddk/v1/types';
import { mixturePolicy } from './mixture-spec.js';
import { paused } from './moves.js';
import { intervalAt, intervalSteps, latestWith, type RunState } from './run-state.js';

/** Begins the training of the measured interval `state.interval`. */
export function startTraining(state: RunState): RunState {
  const plan = planned(state);
  if ('code' in plan) return paused(state, 'measuring', plan);
  const current = intervalAt(state, state.interval)!;
  const interval: Interval = {
    ...current,
    weights: plan.weights,
    factors: [...plan.state.factors],
    endStep: current.firstStep + intervalSteps(state),
  };
  return {
    ...state,
    phase: { kind: 'training' },
    attempt: state.attempt + 1,
    failures: 0,
    intervals: latestWith(state, interval),
  };
}

/** A loss that is not finite stops a run even where no mixture is to be planned any more: its student is broken. */
export function brokenLoss(state: RunState): Reason | undefined {
  const plan = planned(state);
  return 'code' in plan && plan.code === 'LOSS_NOT_FINITE' ? plan : undefined;
}

function planned(state: RunState): MixturePlan | Reason {
  const { gaps } = intervalAt(state, state.interval)!;
  const before = intervalAt(state, state.interval - 1);
  const previous = before && { factors: before.factors, initial: before.index === 0 };
  try {
    return planMixture(mixturePolicy(state.spec.mixture), previous, measurements(state, gaps));
  } catch (error) {
    // Only what #mixture and the spec refuse is a person's to mend; anything else is a defect and must surface.
    if (!(error instanceof DdkError)) throw error;
    return { code: error.reason ?? 'MIXTURE_INVALID', message: error.message };
  }
}

function measurements(state: RunState, gaps: readonly DomainGap[]): DomainMeasurement[] {
  const complete = gaps.length === state.domains.length && gaps.every((gap, i) => gap.domainId === i);
  if (!complete) {
    throw new DdkError(
      'failed_precondition',
      `The measurement names the domains [${gaps.map((gap) => gap.domainId).join(', ')}], ` +
        `but the corpus has ${state.domains.length} domains; measure again with the run's own corpus.`,
      { reason: 'DOMAINS_CHANGED' },
    );
  }
  return gaps.map((gap, i) => ({
    name: state.domains[i]!.name,
    studentLoss: gap.studentLoss,
    teacherLoss: gap.teacherLoss,
    // Text that is too short for a single window is none.
    trainingTokens: state.domains[i]!.trainWindows === 0n ? 0 : Number(state.domains[i]!.trainTokens),
  }));
}
