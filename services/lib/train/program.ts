// The step program: one ONNX graph from a batch and the state to the next state and the step's metrics.
//
//   batch, state A -> forward -> loss -> backward -> global norm, clipping -> AdamW -> state B, ce, kl, gradient norm
//
// Weights are inputs and outputs, so the file is small whatever the model's size, and opset 18 with static shapes
// keeps every node on operators that have a CPU and a CUDA kernel.
import { assert } from '#base';
import { emitAdamW, emitClipScale, emitGlobalNorm } from '#nn';
import { elementCount, encodeModel, GraphBuilder, type Model, optimise, type Value } from '#onnx';
import { emitStepGradients, type StepInputs } from './accumulate.js';
import { type StateTensor, stateTensors, stepInputs, stepOutputs } from './manifest.js';
import { targetWidth } from './micro-batch.js';
import { checkSpec, type StepSpec } from './spec.js';

export interface StepProgram {
  readonly spec: StepSpec;
  readonly state: readonly StateTensor[];
  readonly model: Model;
  /** The model as a file. */
  readonly bytes: Uint8Array;
}

/** Compiles a step. Throws `invalid_argument` for a spec that is out of range. */
export function compileStep(spec: StepSpec): StepProgram {
  checkSpec(spec);
  const state = stateTensors(spec.config);
  const b = new GraphBuilder('training_step');
  const inputs = declareBatch(b, spec);
  const scalars = {
    learningRate: b.input(stepInputs.learningRate, 'float32', []),
    biasCorrection1: b.input(stepInputs.biasCorrection1, 'float32', []),
    biasCorrection2: b.input(stepInputs.biasCorrection2, 'float32', []),
  };
  const values = new Map(
    state.map((tensor) => [tensor.input, b.input(tensor.input, tensor.dtype, tensor.shape)]),
  );
  const parameters = new Map(
    state
      .filter(({ role }) => role === 'parameter')
      .map(({ name, input }) => [name, values.get(input) as Value]),
  );
  const { gradients, ce_N, kl_N } = emitStepGradients(b, spec, parameters, inputs);
  const norm = b.scope('clip', () => emitGlobalNorm(b, gradients));
  const { clipNorm } = spec.optimizer;
  const clipScale = clipNorm > 0 ? b.scope('clip', () => emitClipScale(b, norm, clipNorm)) : b.scalar(1);
  const found = new Map([...parameters.keys()].map((name, index) => [name, gradients[index] as Value]));
  for (const name of smallestLast(state)) {
    const tensors = state.filter((tensor) => tensor.name === name);
    const old = (role: StateTensor['role']) => {
      const value = values.get(`${role}.${name}`);
      assert(value, `${name} has a ${role}`);
      return value;
    };
    const next = b.scope('adamw', () =>
      emitAdamW(
        b,
        {
          parameter: old('parameter'),
          gradient: found.get(name) as Value,
          m: old('m'),
          v: old('v'),
          decay: tensors[0]?.decay ?? false,
        },
        { ...scalars, clipScale },
        spec.optimizer,
      ),
    );
    for (const { role, output } of tensors) b.output(output, next[role]);
  }
  b.output(stepOutputs.ce, ce_N);
  b.output(stepOutputs.kl, kl_N);
  b.output(stepOutputs.gradientNorm, norm);
  const model = optimise(b.build());
  return { spec, state, model, bytes: encodeModel(model) };
}

/**
 * Names of the parameters, the smallest last. ONNX Runtime orders nodes by a walk back from the last output, and what
 * that one's update can compute without the gradients' norm is held through the whole step.
 */
function smallestLast(state: readonly StateTensor[]): readonly string[] {
  return state
    .filter(({ role }) => role === 'parameter')
    .sort((a, b) => elementCount(b.shape) - elementCount(a.shape))
    .map(({ name }) => name);
}

function declareBatch(b: GraphBuilder, spec: StepSpec): StepInputs {
  const leading = [spec.microBatches, spec.batch * spec.length];
  const declare = (name: string, dtype: 'int32' | 'float32', width: readonly number[] = []): Value =>
    b.input(name, dtype, [...leading, ...width]);
  const width = targetWidth(spec);
  return {
    inputIds_N: declare(stepInputs.inputIds, 'int32'),
    labels_N: declare(stepInputs.labels, 'int32'),
    weights_N: declare(stepInputs.weights, 'float32'),
    teacherIds_NK:
      spec.targets.kind === 'top_k' && width ? declare(stepInputs.teacherIds, 'int32', [width]) : undefined,
    teacherLogProbs: width ? declare(stepInputs.teacherLogProbs, 'float32', [width]) : undefined,
  };
}
