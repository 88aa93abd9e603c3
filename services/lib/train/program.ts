// The step program: two ONNX graphs from a batch and the state to the next state and the step's metrics.
//
//   batch, state A -> forward -> loss -> backward -> global norm, clipping -> moments of state B, ce, kl, gradient norm
//   parameters of A, moments of B -> parameters of B
//
// The gradients are outputs of the first graph and lie where the second will put the parameters of B, which spares a third
// of the state's size. That needs two graphs: in one, ONNX Runtime may rewrite or reorder nodes until the gradient is written
// or read after the parameter, and only the end of a run is a moment at which all that reads a gradient is known to be over.
//
// Weights are inputs and outputs, so the files are small whatever the model's size, and opset 18 with static shapes
// keeps every node on operators that have a CPU and a CUDA kernel.
import { assert } from '#base';
import { emitClipScale, emitGlobalNorm, emitMoments, emitParameter } from '#nn';
import { elementCount, encodeModel, GraphBuilder, type Model, optimise, type Value } from '#onnx';
import { emitStepGradients, type StepInputs } from './accumulate.js';
import { type StateTensor, stateTensors, stepInputs, stepOutputs } from './manifest.js';
import { targetWidth } from './micro-batch.js';
import { checkSpec, type StepSpec } from './spec.js';

export interface StepProgram {
  readonly spec: StepSpec;
  readonly state: readonly StateTensor[];
  /** From the batch to gradients, new moments and metrics. */
  readonly model: Model;
  /** The model as a file. */
  readonly bytes: Uint8Array;
  /** From the new moments to the new parameters. */
  readonly update: { readonly model: Model; readonly bytes: Uint8Array };
}

/** Compiles a step. Throws `invalid_argument` for a spec that is out of range. */
export function compileStep(spec: StepSpec): StepProgram {
  checkSpec(spec);
  const state = stateTensors(spec.config);
  const model = optimise(gradientsAndMoments(spec, state));
  const update = optimise(newParameters(spec, state));
  const isGradient = ({ name }: Value): boolean => state.some(({ gradient }) => gradient === name);
  assert(!update.graph.inputs.some(isGradient), 'nothing reads a gradient while its memory is written');
  return {
    spec,
    state,
    model,
    bytes: encodeModel(model),
    update: { model: update, bytes: encodeModel(update) },
  };
}

function gradientsAndMoments(spec: StepSpec, state: readonly StateTensor[]): Model {
  const b = new GraphBuilder('training_step');
  const inputs = declareBatch(b, spec);
  const before = new Map(
    state.map((tensor) => [tensor, b.input(tensor.input, tensor.dtype, tensor.shape)] as const),
  );
  const parameters = new Map(ofRole(state, 'parameter').map((p) => [p.name, before.get(p) as Value]));
  const { gradients, ce_N, kl_N } = emitStepGradients(b, spec, parameters, inputs);
  const norm = b.scope('clip', () => emitGlobalNorm(b, gradients));
  const { clipNorm } = spec.optimizer;
  const clipScale = b.scope('clip', () => (clipNorm > 0 ? emitClipScale(b, norm, clipNorm) : b.scalar(1)));
  const found = new Map([...parameters.keys()].map((name, index) => [name, gradients[index] as Value]));
  for (const parameter of smallestLast(ofRole(state, 'parameter'))) {
    const gradient = found.get(parameter.name) as Value;
    const [m, v] = momentsOf(state, parameter);
    const old = { m: before.get(m) as Value, v: before.get(v) as Value };
    const next = b.scope('adamw', () => emitMoments(b, old, gradient, clipScale, spec.optimizer));
    b.output(m.output, next.m);
    b.output(v.output, next.v);
    assert(parameter.gradient, `${parameter.name} has a gradient`);
    b.output(parameter.gradient, gradient);
  }
  b.output(stepOutputs.ce, ce_N);
  b.output(stepOutputs.kl, kl_N);
  b.output(stepOutputs.gradientNorm, norm);
  return b.build();
}

function newParameters(spec: StepSpec, state: readonly StateTensor[]): Model {
  const b = new GraphBuilder('parameter_update');
  const scalars = {
    learningRate: b.input(stepInputs.learningRate, 'float32', []),
    biasCorrection1: b.input(stepInputs.biasCorrection1, 'float32', []),
    biasCorrection2: b.input(stepInputs.biasCorrection2, 'float32', []),
  };
  for (const tensor of ofRole(state, 'parameter')) {
    const [m, v] = momentsOf(state, tensor);
    const parameter = b.input(tensor.input, tensor.dtype, tensor.shape);
    const moments = {
      m: b.input(m.output, m.dtype, m.shape),
      v: b.input(v.output, v.dtype, v.shape),
    };
    const { decay, output } = tensor;
    b.output(output, emitParameter(b, { parameter, decay }, moments, scalars, spec.optimizer));
  }
  return b.build();
}

function ofRole(state: readonly StateTensor[], role: StateTensor['role']): readonly StateTensor[] {
  return state.filter((tensor) => tensor.role === role);
}

function momentsOf(
  state: readonly StateTensor[],
  { name }: StateTensor,
): readonly [StateTensor, StateTensor] {
  const m = state.find((tensor) => tensor.role === 'm' && tensor.name === name);
  const v = state.find((tensor) => tensor.role === 'v' && tensor.name === name);
  assert(m && v, `${name} has two moments`);
  return [m, v];
}

/**
 * ONNX Runtime orders nodes by a walk back from the last output, and what that one's update can compute without the
 * gradients' norm is held through the whole step.
 */
function smallestLast(parameters: readonly StateTensor[]): readonly StateTensor[] {
  return [...parameters].sort((a, b) => elementCount(b.shape) - elementCount(a.shape));
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
