// What can be said of a run's spec by itself: every problem at once, named by its field.
import { requireNone, type Violation } from '#base';
import {
  Divergence,
  MixturePolicy,
  type MixtureSpec,
  type ObjectiveSpec,
  type OptimizerSpec,
  type RunSpec,
  type TargetEncoding,
  type TrainingSpec,
} from '#proto/ddk/v1/types';
import { largestVocabSize } from '#targets';
import { mostSteps } from './limits.js';
import { namePattern, nameRule } from './run-name.js';

const digest = /^sha256:[0-9a-f]{64}$/;

const largestK = 1024;

type Note = (field: string, description: string) => void;

/**
 * Throws DdkError invalid_argument with a violation for every problem, those found `before` in the request among them.
 * Weights are counted against the domains elsewhere.
 */
export function validateSpec(
  spec: RunSpec | undefined,
  before: readonly Violation[] = [],
): asserts spec is RunSpec {
  const violations = [...before];
  const note: Note = (field, description) => violations.push({ field: `spec.${field}`, description });
  if (spec === undefined) violations.push({ field: 'spec', description: 'is missing' });
  else noteProblems(spec, note);
  requireNone(violations, 'The run cannot be made');
}

function noteProblems(spec: RunSpec, note: Note): void {
  if (!namePattern.test(spec.name)) note('name', `must be ${nameRule}, but is ${JSON.stringify(spec.name)}`);
  const digests = {
    corpus_digest: spec.corpusDigest,
    student_digest: spec.studentDigest,
    base_checkpoint_digest: spec.baseCheckpointDigest,
    teacher_fingerprint: spec.teacherFingerprint,
  };
  for (const [field, value] of Object.entries(digests)) {
    if (!digest.test(value))
      note(field, `must be "sha256:" and 64 hexadecimal digits, but is ${JSON.stringify(value)}`);
  }
  if (spec.mixture) noteMixture(spec.mixture, note);
  else note('mixture', 'is missing');
  if (spec.objective) noteObjective(spec.objective, note);
  else note('objective', 'is missing');
  if (spec.targets?.kind) noteTargets(spec.targets.kind, note);
  else note('targets', 'is missing; choose dense or top_k');
  if (spec.optimizer) noteOptimizer(spec.optimizer, note);
  else note('optimizer', 'is missing');
  if (spec.training) noteTraining(spec.training, note);
  else note('training', 'is missing');
}

function noteMixture({ policy, alpha, ratioClip, weights }: MixtureSpec, note: Note): void {
  switch (policy) {
    case MixturePolicy.DDK:
      noteRange('mixture.alpha', alpha, 0, 1, note);
      if (ratioClip !== 0) noteRange('mixture.ratio_clip', ratioClip, 1, 1e6, note);
      break;
    case MixturePolicy.FIXED: {
      const sound =
        weights.every((weight) => weight >= 0 && Number.isFinite(weight)) &&
        weights.some((weight) => weight > 0);
      if (!sound)
        note('mixture.weights', `must be numbers of at least 0, not all 0, but are [${weights.join(', ')}]`);
      break;
    }
    case MixturePolicy.UNIFORM:
    case MixturePolicy.NATURAL:
      break;
    default:
      note('mixture.policy', `must be DDK, UNIFORM, NATURAL or FIXED, but is ${policy}`);
  }
}

function noteObjective({ gamma, temperature, divergence }: ObjectiveSpec, note: Note): void {
  noteRange('objective.gamma', gamma, 0, 100, note);
  noteRange('objective.temperature', temperature, 0.05, 20, note);
  if (divergence !== Divergence.FORWARD_KL && divergence !== Divergence.REVERSE_KL) {
    note('objective.divergence', `must be FORWARD_KL or REVERSE_KL, but is ${divergence}`);
  }
}

function noteTargets(kind: NonNullable<TargetEncoding['kind']>, note: Note): void {
  if (kind.$case === 'topK')
    noteRange('targets.top_k.k', kind.value.k, 1, Math.min(largestK, largestVocabSize - 1), note);
}

function noteOptimizer(optimizer: OptimizerSpec, note: Note): void {
  const { peakLearningRate, minimumLearningRate, beta1, beta2, epsilon, weightDecay, clipNorm } = optimizer;
  if (!(peakLearningRate > 0 && peakLearningRate <= 1)) {
    note('optimizer.peak_learning_rate', `must be above 0 and at most 1, but is ${peakLearningRate}`);
  }
  if (!(minimumLearningRate >= 0 && minimumLearningRate <= peakLearningRate)) {
    note('optimizer.minimum_learning_rate', `must lie between 0 and the peak, but is ${minimumLearningRate}`);
  }
  for (const [field, beta] of Object.entries({ beta1, beta2 })) {
    if (!(beta >= 0 && beta < 1))
      note(`optimizer.${field}`, `must be at least 0 and below 1, but is ${beta}`);
  }
  if (!(epsilon > 0 && epsilon <= 1))
    note('optimizer.epsilon', `must be above 0 and at most 1, but is ${epsilon}`);
  noteRange('optimizer.weight_decay', weightDecay, 0, 10, note);
  noteRange('optimizer.clip_norm', clipNorm, 0, 1e6, note);
}

function noteTraining(training: TrainingSpec, note: Note): void {
  const { intervals, intervalSteps, batchSize, microBatches } = training;
  noteRange('training.intervals', intervals, 1, 10_000, note);
  noteRange('training.interval_steps', intervalSteps, 1, 1_000_000, note);
  if (intervals * intervalSteps > mostSteps) note('training', `must not exceed ${mostSteps} steps in all`);
  noteRange('training.batch_size', batchSize, 1, 65_536, note);
  noteRange('training.micro_batches', microBatches, 1, Math.max(batchSize, 1), note);
  if (microBatches > 0 && batchSize % microBatches !== 0) {
    note('training.micro_batches', `must divide the batch size ${batchSize}, but is ${microBatches}`);
  }
}

function noteRange(field: string, value: number, least: number, most: number, note: Note): void {
  if (!(value >= least && value <= most))
    note(field, `must lie between ${least} and ${most}, but is ${value}`);
}
