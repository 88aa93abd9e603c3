// GraphBuilder: the operators as methods, in the form of the operator set the builder is for.
import { DdkError } from '#base';
import { type DType, dtypeCode } from './dtype.js';
import { type GraphBuilderOptions, GraphCore } from './graph-core.js';
import type { Value } from './ir.js';
import { tensor } from './tensor.js';

/** A number stands for a scalar of the other operand's type. */
export type Operand = Value | number;

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor of the product. */
  readonly alpha?: number;
  /** Factor of c. */
  readonly beta?: number;
}

export type ScatterReduction = 'none' | 'add' | 'mul' | 'max' | 'min';

export class GraphBuilder extends GraphCore {
  // Element by element. Shapes broadcast.
  add(a: Operand, b: Operand): Value {
    return this.#binary('Add', a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.#binary('Sub', a, b);
  }
  mul(a: Operand, b: Operand): Value {
    return this.#binary('Mul', a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.#binary('Div', a, b);
  }
  pow(a: Operand, b: Operand): Value {
    return this.#binary('Pow', a, b);
  }
  maximum(a: Operand, b: Operand): Value {
    return this.#binary('Max', a, b);
  }
  minimum(a: Operand, b: Operand): Value {
    return this.#binary('Min', a, b);
  }
  equal(a: Operand, b: Operand): Value {
    return this.#binary('Equal', a, b);
  }
  less(a: Operand, b: Operand): Value {
    return this.#binary('Less', a, b);
  }
  greater(a: Operand, b: Operand): Value {
    return this.#binary('Greater', a, b);
  }
  or(a: Value, b: Value): Value {
    return this.op('Or', [a, b]);
  }
  where(condition: Value, a: Operand, b: Operand): Value {
    const [left, right] = this.#pair(a, b);
    return this.op('Where', [condition, left, right]);
  }
  neg(x: Value): Value {
    return this.op('Neg', [x]);
  }
  exp(x: Value): Value {
    return this.op('Exp', [x]);
  }
  log(x: Value): Value {
    return this.op('Log', [x]);
  }
  sqrt(x: Value): Value {
    return this.op('Sqrt', [x]);
  }
  reciprocal(x: Value): Value {
    return this.op('Reciprocal', [x]);
  }
  sigmoid(x: Value): Value {
    return this.op('Sigmoid', [x]);
  }
  tanh(x: Value): Value {
    return this.op('Tanh', [x]);
  }
  erf(x: Value): Value {
    return this.op('Erf', [x]);
  }
  relu(x: Value): Value {
    return this.op('Relu', [x]);
  }
  sin(x: Value): Value {
    return this.op('Sin', [x]);
  }
  cos(x: Value): Value {
    return this.op('Cos', [x]);
  }
  abs(x: Value): Value {
    return this.op('Abs', [x]);
  }
  sign(x: Value): Value {
    return this.op('Sign', [x]);
  }
  isNaN(x: Value): Value {
    return this.op('IsNaN', [x]);
  }
  identity(x: Value): Value {
    return this.op('Identity', [x]);
  }
  /** `x` itself where it already has this type. */
  cast(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.op('Cast', [x], { to: dtypeCode(dtype) });
  }
  softmax(x: Value, axis = -1): Value {
    return this.op('Softmax', [x], { axis });
  }
  logSoftmax(x: Value, axis = -1): Value {
    return this.op('LogSoftmax', [x], { axis });
  }

  // Products.
  matmul(a: Value, b: Value): Value {
    return this.op('MatMul', [a, b]);
  }
  /** alpha * a' b' + beta * c, all matrices; c broadcasts. */
  gemm(a: Value, b: Value, c: Value | null = null, options: GemmOptions = {}): Value {
    return this.op('Gemm', c === null ? [a, b] : [a, b, c], {
      transA: options.transA ? 1 : undefined,
      transB: options.transB ? 1 : undefined,
      alpha: options.alpha === undefined ? undefined : { float: options.alpha },
      beta: options.beta === undefined ? undefined : { float: options.beta },
    });
  }

  // Movement.
  transpose(x: Value, perm: readonly number[]): Value {
    return this.op('Transpose', [x], { perm });
  }
  /** 0 copies the input's size at that place, -1 (once) is what is left over. */
  reshape(x: Value, shape: readonly number[]): Value {
    return this.op('Reshape', [x, this.ints(shape)]);
  }
  squeeze(x: Value, axes: readonly number[]): Value {
    return this.op('Squeeze', [x, this.ints(axes)]);
  }
  unsqueeze(x: Value, axes: readonly number[]): Value {
    return this.op('Unsqueeze', [x, this.ints(axes)]);
  }
  expand(x: Value, shape: readonly number[]): Value {
    return this.op('Expand', [x, this.ints(shape)]);
  }
  concat(xs: readonly Value[], axis: number): Value {
    return this.op('Concat', xs, { axis });
  }
  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    return this.ops('Split', [x, this.ints(sizes)], sizes.length, { axis });
  }
  /** x[start:end] on one axis; negative positions count from the end. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    return this.op('Slice', [x, this.ints([start]), this.ints([end]), this.ints([axis])]);
  }
  constantOfShape(shape: readonly number[], value: number, dtype: DType = 'float32'): Value {
    return this.op('ConstantOfShape', [this.ints(shape)], { value: tensor(dtype, [1], [value]) });
  }

  // Selection.
  gather(x: Value, indices: Value, axis = 0): Value {
    return this.op('Gather', [x, indices], { axis });
  }
  gatherElements(x: Value, indices: Value, axis: number): Value {
    return this.op('GatherElements', [x, indices], { axis });
  }
  scatterElements(
    x: Value,
    indices: Value,
    updates: Value,
    axis: number,
    reduction: ScatterReduction = 'none',
  ): Value {
    return this.op('ScatterElements', [x, indices, updates], { axis, reduction: this.#scatter(reduction) });
  }
  /** The k largest along an axis, in descending order, and their positions (int64). */
  topK(x: Value, k: number, axis = -1): [values: Value, indices: Value] {
    const [values, indices] = this.ops('TopK', [x, this.ints([k])], 2, { axis, largest: 1, sorted: 1 });
    return [values!, indices!];
  }

  // Reductions.
  reduceSum(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.#reduce('ReduceSum', 13, x, axes, keepdims);
  }
  reduceMean(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.#reduce('ReduceMean', 18, x, axes, keepdims);
  }
  reduceMax(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.#reduce('ReduceMax', 18, x, axes, keepdims);
  }

  /** A builder for the body of a Loop, If or Scan. It may use values of this graph and shares its names. */
  subgraph(name: string): GraphBuilder {
    const options: GraphBuilderOptions = { parent: this };
    return new GraphBuilder(name, options);
  }

  #binary(op: string, a: Operand, b: Operand): Value {
    return this.op(op, this.#pair(a, b));
  }

  #pair(a: Operand, b: Operand): [Value, Value] {
    if (typeof a === 'number') {
      if (typeof b === 'number')
        throw new DdkError('invalid_argument', `Neither of ${a} and ${b} is a value of the graph.`);
      return [this.scalarLike(a, b), b];
    }
    return [a, typeof b === 'number' ? this.scalarLike(b, a) : b];
  }

  #scatter(reduction: ScatterReduction): string | undefined {
    return reduction === 'none' ? undefined : reduction;
  }

  /** Axes are an input from `since` on, an attribute before. */
  #reduce(op: string, since: number, x: Value, axes: readonly number[], keepdims: boolean): Value {
    const keep = keepdims ? 1 : 0;
    return this.opset >= since
      ? this.op(op, [x, this.ints(axes)], { keepdims: keep })
      : this.op(op, [x], { axes, keepdims: keep });
  }
}
