// What the interpreter's table entries work with: constant inputs, the inferred results, element access by strides.
import { DdkError } from '#base';
import { allocate, type DType } from '../dtype.js';
import type { InferenceContext } from '../infer/context.js';
import type { TensorData } from '../ir.js';
import { elementCount } from '../tensor.js';

export interface ResultShape {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface EvaluationContext {
  /** Attributes and integer operands, by the same rules as shape inference. */
  readonly node: InferenceContext;
  readonly inputs: readonly (TensorData | null)[];
  readonly results: readonly ResultShape[];
}

/** undefined: not computed here (the operator's result is left to the runtime). */
export type Evaluation = (c: EvaluationContext) => TensorData | readonly TensorData[] | undefined;

export function inputOf(c: EvaluationContext, index: number): TensorData {
  const input = c.inputs[index];
  if (input === null || input === undefined)
    throw new DdkError('invalid_argument', `Input ${index} is required.`);
  return input;
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** Strides that read a tensor of `shape` as if it were broadcast to `target`. */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const own = stridesOf(shape);
  const skip = target.length - shape.length;
  return target.map((_, i) => (i < skip || shape[i - skip] === 1 ? 0 : own[i - skip]!));
}

/** Flat source positions of the elements of `shape`, in order. */
export function positions(shape: readonly number[], strides: readonly number[], offset = 0): Float64Array {
  const count = elementCount(shape);
  const out = new Float64Array(count);
  const at = new Array<number>(shape.length).fill(0);
  let position = offset;
  for (let i = 0; i < count; i++) {
    out[i] = position;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      position += strides[axis]!;
      if (at[axis]! < shape[axis]!) break;
      position -= at[axis]! * strides[axis]!;
      at[axis] = 0;
    }
  }
  return out;
}

/** A new tensor whose elements are `source`'s at these positions. */
export function take(source: TensorData, shape: readonly number[], at: Float64Array): TensorData {
  const data = allocate(source.dtype, at.length);
  for (let i = 0; i < at.length; i++) data[i] = source.data[at[i]!] as never;
  return { dtype: source.dtype, shape, data };
}

export function withShape(source: TensorData, shape: readonly number[]): TensorData {
  return { dtype: source.dtype, shape, data: source.data };
}
