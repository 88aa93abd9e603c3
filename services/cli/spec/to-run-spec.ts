// From a spec file's fields to the RunSpec that the scheduler takes.
import { Divergence, MixturePolicy, type MixtureSpec, type RunSpec } from '#proto/ddk/v1/types';
import type { Spec } from './schema.js';

/** Artifacts that reading the spec's files produced. */
interface Uploaded {
  readonly corpusDigest: string;
  readonly teacherFingerprint: string;
  readonly studentDigest: string;
  readonly baseCheckpointDigest: string;
}

export function toRunSpec(spec: Spec, uploaded: Uploaded): RunSpec {
  const { loss, optimizer, training } = spec;
  return {
    name: spec.name,
    corpusDigest: uploaded.corpusDigest,
    teacherFingerprint: uploaded.teacherFingerprint,
    studentDigest: uploaded.studentDigest,
    baseCheckpointDigest: uploaded.baseCheckpointDigest,
    mixture: toMixtureSpec(spec),
    objective: {
      gamma: loss.gamma,
      temperature: loss.temperature,
      temperatureSquared: loss.temperatureSquared,
      divergence: loss.divergence === 'forward' ? Divergence.FORWARD_KL : Divergence.REVERSE_KL,
    },
    targets: {
      kind:
        spec.targets.encoding === 'dense'
          ? { $case: 'dense', value: {} }
          : { $case: 'topK', value: { k: spec.targets.k } },
    },
    optimizer: {
      peakLearningRate: optimizer.learningRate,
      minimumLearningRate: optimizer.minimumLearningRate,
      warmupSteps: optimizer.warmupSteps,
      beta1: optimizer.beta1,
      beta2: optimizer.beta2,
      epsilon: optimizer.epsilon,
      weightDecay: optimizer.weightDecay,
      clipNorm: optimizer.clipNorm,
    },
    training: { ...training },
  };
}

function toMixtureSpec(spec: Spec): MixtureSpec {
  const policies = {
    ddk: MixturePolicy.DDK,
    uniform: MixturePolicy.UNIFORM,
    natural: MixturePolicy.NATURAL,
    fixed: MixturePolicy.FIXED,
  };
  return {
    policy: policies[spec.mixture.policy],
    alpha: spec.mixture.alpha,
    ratioClip: spec.mixture.ratioClip ?? 0,
    weights: spec.domains
      .map((d) => spec.mixture.weights?.[d.name] ?? 0)
      .filter(() => spec.mixture.policy === 'fixed'),
  };
}
