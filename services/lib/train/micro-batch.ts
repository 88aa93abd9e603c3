// Forward pass, loss and gradients of one micro-batch, as graph. N = B*T positions, K listed entries, V vocabulary.
import { gradients } from '#autodiff';
import { assert } from '#base';
import { emitDecoder, emitLoss, type TeacherTargets } from '#nn';
import type { GraphBuilder, Value } from '#onnx';
import type { StepSpec } from './spec.js';

/** Flat views of one micro-batch's inputs. */
export interface MicroBatchInputs {
  /** int32 */
  readonly inputIds_N: Value;
  /** int32 */
  readonly labels_N: Value;
  readonly weights_N: Value;
  /** int32 [N, K] */
  readonly teacherIds_NK: Value | undefined;
  /** [N, K] or [N, V] */
  readonly teacherLogProbs: Value | undefined;
}

export interface MicroBatchOutputs {
  readonly ce_N: Value;
  readonly kl_N: Value;
  /** One a parameter, in the given order. */
  readonly gradients: readonly Value[];
}

/**
 * Emits one micro-batch into `b`. Its loss is normalised by the weights alone, so gradients of the micro-batches of a
 * step add up to the step's gradient.
 * @param parameters by name; they may belong to a graph around `b`.
 */
export function emitMicroBatch(
  b: GraphBuilder,
  spec: StepSpec,
  parameters: ReadonlyMap<string, Value>,
  inputs: MicroBatchInputs,
): MicroBatchOutputs {
  const { config, batch, length, objective } = spec;
  const { logits_NV } = b.scope('student', () =>
    emitDecoder(b, config, {
      inputIds_BT: b.reshape(b.cast(inputs.inputIds_N, 'int64'), [batch, length]),
      parameter: (name) => {
        const value = parameters.get(name);
        assert(value, `the decoder uses a parameter ${name} that its manifest does not list`);
        return value;
      },
      batch,
      length,
    }),
  );
  const { ce_N, kl_N, seeds } = emitLoss(b, {
    logits_NV,
    labels_N: b.cast(inputs.labels_N, 'int64'),
    weights_N: inputs.weights_N,
    targets: teacherTargets(b, spec, inputs),
    objective,
  });
  const wrt = [...parameters.values()];
  const found = gradients(b, { seeds, wrt });
  return {
    ce_N,
    kl_N,
    gradients: wrt.map((parameter, index) => {
      const gradient = found[index];
      assert(gradient, `no path leads from the loss to ${parameter.name}`);
      return gradient;
    }),
  };
}

function teacherTargets(b: GraphBuilder, spec: StepSpec, inputs: MicroBatchInputs): TeacherTargets {
  const { teacherIds_NK, teacherLogProbs } = inputs;
  switch (spec.targets.kind) {
    case 'none':
      return { kind: 'none' };
    case 'top_k':
      assert(teacherIds_NK && teacherLogProbs, 'top-k targets have ids and log-probabilities');
      return { kind: 'top_k', ids_NK: b.cast(teacherIds_NK, 'int64'), logProbs_NK: teacherLogProbs };
    case 'dense':
      assert(teacherLogProbs, 'dense targets have log-probabilities');
      return { kind: 'dense', logProbs_NV: teacherLogProbs };
  }
}

/** The width of a position's teacher log-probabilities; undefined without targets. */
export function targetWidth(spec: StepSpec): number | undefined {
  switch (spec.targets.kind) {
    case 'none':
      return undefined;
    case 'top_k':
      return spec.targets.k;
    case 'dense':
      return spec.config.vocabSize;
  }
}
