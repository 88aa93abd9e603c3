// What one training step is made of: everything the step program is compiled from.
import { requireNone, type Violation } from '#base';
import type { DecoderConfig, Objective } from '#nn';

/** The form in which the teacher's distribution reaches the step. */
export type StepTargets =
  | { readonly kind: 'none' }
  | { readonly kind: 'top_k'; readonly k: number }
  | { readonly kind: 'dense' };

export interface OptimizerSpec {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled, on matrices only. */
  readonly weightDecay: number;
  /** Largest global norm of the gradient; 0 does not clip. */
  readonly clipNorm: number;
}

export interface StepSpec {
  readonly config: DecoderConfig;
  /** Rows (windows) of one micro-batch. */
  readonly batch: number;
  /** Micro-batches of a step, computed one after the other in the memory of one. */
  readonly microBatches: number;
  /** Predicted positions of a row, T. */
  readonly length: number;
  readonly targets: StepTargets;
  readonly objective: Objective;
  readonly optimizer: OptimizerSpec;
}

/** Rows of a whole step. */
export function rowsOf(spec: StepSpec): number {
  return spec.batch * spec.microBatches;
}

/** Throws `invalid_argument` with every field that is out of range. */
export function checkSpec(spec: StepSpec): void {
  const violations: Violation[] = [];
  const require = (holds: boolean, field: string, description: string): void => {
    if (!holds) violations.push({ field, description });
  };
  const { config, targets, objective, optimizer } = spec;
  for (const field of ['batch', 'microBatches', 'length'] as const) {
    require(isCount(spec[field]), field, `must be a whole number from 1, is ${spec[field]}`);
  }
  require(spec.length <=
    config.maxPositions, 'length', `must not exceed the model's ${config.maxPositions} positions, is ${spec.length}`);
  if (targets.kind === 'top_k') {
    const fits = isCount(targets.k) && targets.k <= config.vocabSize;
    require(fits, 'targets.k', `must be from 1 to the vocabulary's ${config.vocabSize}, is ${targets.k}`);
  }
  require(objective.gamma >= 0, 'objective.gamma', `must not be negative, is ${objective.gamma}`);
  require(objective.temperature >
    0, 'objective.temperature', `must be positive, is ${objective.temperature}`);
  for (const field of ['beta1', 'beta2'] as const) {
    const beta = optimizer[field];
    require(beta >= 0 && beta < 1, `optimizer.${field}`, `must be in [0, 1), is ${beta}`);
  }
  require(optimizer.epsilon > 0, 'optimizer.epsilon', `must be positive, is ${optimizer.epsilon}`);
  for (const field of ['weightDecay', 'clipNorm'] as const) {
    require(optimizer[field] >= 0, `optimizer.${field}`, `must not be negative, is ${optimizer[field]}`);
  }
  requireNone(violations, 'The training step cannot be built');
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
