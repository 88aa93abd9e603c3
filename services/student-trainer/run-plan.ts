// What a run's records and artifacts say of its training: the spec translated into what #train and #nn take.
import { DdkError } from '#base';
import type { LearningRateSchedule } from '#nn';
import { Divergence, type RunSpec } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import type { TargetEncoding } from '#targets';
import type { StepSpec } from '#train';
import { readRunSpec, readStudent, type Student } from '#work';

export interface RunPlan {
  readonly spec: RunSpec;
  readonly student: Student;
  /** Undefined where gamma is 0: the teacher is not asked. */
  readonly encoding: TargetEncoding | undefined;
}

/** not_found: no such run, or an artifact of it is missing. */
export async function readPlan(store: Store, runId: string): Promise<RunPlan> {
  const spec = await readRunSpec(store, runId);
  return {
    spec,
    student: await readStudent(store.artifacts, spec.studentDigest),
    encoding: encodingOf(spec),
  };
}

function encodingOf(spec: RunSpec): TargetEncoding | undefined {
  if ((spec.objective?.gamma ?? 0) === 0) return undefined;
  const kind = spec.targets?.kind;
  return kind?.$case === 'topK' ? { kind: 'top_k', k: kind.value.k } : { kind: 'dense_f16' };
}

/** The step program that the run trains with, for windows of `length` predicted positions. */
export function stepSpec({ spec, student, encoding }: RunPlan, length: number): StepSpec {
  const { training, optimizer, objective } = spec;
  if (!training || !optimizer || !objective)
    throw new DdkError('data_loss', `The spec of run "${spec.name}" is incomplete.`);
  return {
    config: student.config,
    batch: training.batchSize / training.microBatches,
    microBatches: training.microBatches,
    length,
    targets:
      encoding === undefined
        ? { kind: 'none' }
        : encoding.kind === 'top_k'
          ? { kind: 'top_k', k: encoding.k }
          : { kind: 'dense' },
    objective: {
      gamma: objective.gamma,
      temperature: objective.temperature,
      temperatureSquared: objective.temperatureSquared,
      direction: objective.divergence === Divergence.REVERSE_KL ? 'reverse' : 'forward',
    },
    optimizer: {
      beta1: optimizer.beta1,
      beta2: optimizer.beta2,
      epsilon: optimizer.epsilon,
      weightDecay: optimizer.weightDecay,
      clipNorm: optimizer.clipNorm,
    },
  };
}

/** Over the steps of the original spec; an extension goes on at the minimum rate. */
export function schedule({ spec }: RunPlan): LearningRateSchedule {
  const { training, optimizer } = spec;
  return {
    peak: optimizer?.peakLearningRate ?? 0,
    minimum: optimizer?.minimumLearningRate ?? 0,
    warmupSteps: optimizer?.warmupSteps ?? 0,
    totalSteps: (training?.intervals ?? 0) * (training?.intervalSteps ?? 0),
  };
}
