// What fields of a spec ask of one another. Takes whatever is there, so that it is said beside the problems of single fields.
import type { Violation } from '#base';
import { mostSteps } from '../../scheduler/limits.js';
import type { Spec } from './schema.js';

/** A spec in which any field may be missing or of another type. */
type Unchecked<T> = T extends readonly (infer E)[]
  ? readonly Unchecked<E>[]
  : T extends object
    ? { readonly [K in keyof T]?: Unchecked<T[K]> | undefined }
    : T | undefined;

export function problemsAcrossFields(spec: Unchecked<Spec>): Violation[] {
  return [...ofDomains(spec), ...ofTraining(spec), ...ofLearningRates(spec), ...ofWeights(spec)];
}

function namesOf({ domains }: Unchecked<Spec>): (string | undefined)[] {
  return Array.isArray(domains) ? domains.map((domain) => domain?.name) : [];
}

function* ofDomains(spec: Unchecked<Spec>): Generator<Violation> {
  const seen = new Set<string>();
  for (const [index, name] of namesOf(spec).entries()) {
    if (typeof name !== 'string') continue;
    if (seen.has(name)) yield { field: `domains.${index}.name`, description: `"${name}" names two domains` };
    seen.add(name);
  }
}

function* ofTraining({ training }: Unchecked<Spec>): Generator<Violation> {
  const { intervals = 1, intervalSteps = 1, batchSize = 1, microBatches = 1 } = training ?? {};
  if (microBatches > 0 && batchSize % microBatches > 0)
    yield {
      field: 'training.microBatches',
      description: `${microBatches} does not divide batchSize ${batchSize}`,
    };
  const steps = intervals * intervalSteps;
  // A single field that is far too large is complained of by itself.
  if (steps > mostSteps && Math.max(intervals, intervalSteps) <= mostSteps)
    yield { field: 'training', description: `asks for ${steps} steps; at most ${mostSteps} are possible` };
}

function* ofLearningRates({ optimizer }: Unchecked<Spec>): Generator<Violation> {
  const { learningRate, minimumLearningRate } = optimizer ?? {};
  if (learningRate !== undefined && minimumLearningRate !== undefined && minimumLearningRate > learningRate)
    yield {
      field: 'optimizer.minimumLearningRate',
      description: `${minimumLearningRate} must not be above learningRate ${learningRate}`,
    };
}

function* ofWeights(spec: Unchecked<Spec>): Generator<Violation> {
  const field = 'mixture.weights';
  const names = namesOf(spec);
  const { policy, weights } = spec.mixture ?? {};
  if (weights !== undefined && typeof weights !== 'object') return;
  if (policy === 'fixed') {
    for (const name of names)
      if (name !== undefined && weights?.[name] === undefined)
        yield { field, description: `lacks the domain "${name}"` };
    if (weights && Object.values(weights).every((w) => w === 0))
      yield { field, description: 'must not all be 0' };
  } else if (weights) yield { field, description: 'only goes with the policy "fixed"' };
  for (const key of Object.keys(weights ?? {}))
    if (!names.includes(key)) yield { field, description: `names "${key}", which is no domain` };
}
