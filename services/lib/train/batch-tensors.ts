// The program's other inputs and outputs: the batch and the scalars of a step in, its readings out.
import { assert } from '#base';
import type { TensorArray } from '#onnx';
import type { ResidentSession, ResidentTensor, TensorInfo } from '#runtime';
import { positionWeights, type StepBatch } from './batch.js';
import { stepInputs, stepOutputs } from './manifest.js';
import type { StepReadings } from './metrics.js';
import type { OptimizerSpec } from './spec.js';

export class BatchTensors {
  readonly inputs: Readonly<Record<string, ResidentTensor>>;
  readonly outputs: Readonly<Record<string, ResidentTensor>>;

  constructor(session: ResidentSession) {
    this.inputs = allocate(session, session.inputs, Object.values(stepInputs));
    this.outputs = allocate(session, session.outputs, Object.values(stepOutputs));
  }

  /** @param step counts from 1. */
  write(batch: StepBatch, optimizer: OptimizerSpec, step: number, learningRate: number): void {
    const contents: Readonly<Record<string, TensorArray | undefined>> = {
      [stepInputs.inputIds]: batch.inputIds_N,
      [stepInputs.labels]: batch.labels_N,
      [stepInputs.weights]: positionWeights(batch),
      [stepInputs.teacherIds]: batch.teacherIds_NK,
      [stepInputs.teacherLogProbs]: batch.teacherLogProbs,
      [stepInputs.learningRate]: Float32Array.of(learningRate),
      [stepInputs.biasCorrection1]: Float32Array.of(1 - optimizer.beta1 ** step),
      [stepInputs.biasCorrection2]: Float32Array.of(1 - optimizer.beta2 ** step),
    };
    for (const [name, tensor] of Object.entries(this.inputs)) {
      const data = contents[name];
      assert(data, `the batch has no ${name}`);
      tensor.write(data);
    }
  }

  read(): StepReadings {
    return {
      ce_N: this.#floats(stepOutputs.ce),
      kl_N: this.#floats(stepOutputs.kl),
      gradientNorm: this.#floats(stepOutputs.gradientNorm)[0] ?? Number.NaN,
    };
  }

  release(): void {
    for (const tensor of [...Object.values(this.inputs), ...Object.values(this.outputs)]) tensor.release();
  }

  #floats(name: string): Float32Array {
    const data = this.outputs[name]?.read();
    assert(data instanceof Float32Array, `the program has no float32 output ${name}`);
    return data;
  }
}

/** Tensors for those of `names` that the program has; a step without targets has fewer inputs. */
function allocate(
  session: ResidentSession,
  infos: readonly TensorInfo[],
  names: readonly string[],
): Record<string, ResidentTensor> {
  const found = infos.filter((info) => names.includes(info.name));
  return Object.fromEntries(
    found.map(({ name, dtype, shape }) => [name, session.allocate(dtype, shape.map(Number))]),
  );
}
