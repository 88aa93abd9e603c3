// One line for each operator and way of using it; used to hold shape inference and constant evaluation against
// ONNX Runtime.
import type { AttrInput, DType, TensorData } from '#onnx';
import { GraphBuilder, tensor } from '#onnx';

export interface OperatorCase {
  readonly op: string;
  readonly inputs: readonly (TensorData | null)[];
  readonly attrs?: Readonly<Record<string, AttrInput>>;
  readonly outputs?: number;
}

/** Values that are neither symmetric nor all positive: -1.5, -1, -0.5, 0, ... */
export function ramp(dtype: DType, shape: readonly number[], start = -1.5, step = 0.5): TensorData {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(
    dtype,
    shape,
    Array.from({ length: count }, (_, i) => start + step * i),
  );
}

const f = (shape: readonly number[], start?: number): TensorData => ramp('float32', shape, start);
const i64 = (values: readonly number[], shape: readonly number[] = [values.length]): TensorData =>
  tensor('int64', shape, values);
const i32 = (values: readonly number[], shape: readonly number[] = [values.length]): TensorData =>
  tensor('int32', shape, values);
const bool = (values: readonly number[], shape: readonly number[] = [values.length]): TensorData =>
  tensor('bool', shape, values);
const scalar = (dtype: DType, value: number): TensorData => tensor(dtype, [], [value]);

function loopCase(): OperatorCase {
  const outer = new GraphBuilder('outer');
  const body = outer.subgraph('body');
  body.input('i', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const sum = body.input('sum', 'float32', [2]);
  body.output('condition_out', body.identity(condition));
  body.output('sum_out', body.add(sum, 1));
  body.output('seen', body.mul(sum, 2));
  return {
    op: 'Loop',
    inputs: [scalar('int64', 3), null, f([2])],
    attrs: { body: { graph: body.graph() } },
    outputs: 2,
  };
}

const unary = [
  'Neg',
  'Exp',
  'Sigmoid',
  'Tanh',
  'Erf',
  'Relu',
  'Sin',
  'Cos',
  'Abs',
  'Sign',
  'Floor',
  'Ceil',
  'Round',
  'Identity',
];
const positive = ['Log', 'Sqrt', 'Reciprocal'];
const comparisons = ['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'];

export const operatorCases: readonly OperatorCase[] = [
  ...unary.map((op) => ({ op, inputs: [f([2, 3])] })),
  ...positive.map((op) => ({ op, inputs: [f([2, 3], 0.5)] })),
  { op: 'Neg', inputs: [i64([1, -2])] },
  { op: 'Abs', inputs: [i64([1, -2])] },
  ...['Add', 'Sub', 'Mul', 'Div'].flatMap((op) => [
    { op, inputs: [f([2, 3]), f([3], 0.25)] },
    { op, inputs: [f([2, 1, 3]), f([4, 1], 0.25)] },
    { op, inputs: [i64([7, -7, 5]), i64([2])] },
    { op, inputs: [i32([7, -7, 5]), i32([-2])] },
    { op, inputs: [ramp('float64', [3]), scalar('float64', 3)] },
  ]),
  { op: 'Pow', inputs: [f([2, 3], 0.5), scalar('float32', 2)] },
  { op: 'Pow', inputs: [i64([2, 3]), i64([3])] },
  { op: 'Mod', inputs: [i64([7, -7, 6]), i64([3])] },
  { op: 'Mod', inputs: [i64([7, -7, 6]), i64([-4])] },
  { op: 'Mod', inputs: [f([5]), f([1], 0.75)], attrs: { fmod: 1 } },
  { op: 'Max', inputs: [f([2, 3]), f([3]), scalar('float32', 0)] },
  { op: 'Min', inputs: [i64([1, 5]), i64([3])] },
  { op: 'Sum', inputs: [f([2, 3]), f([3])] },
  ...comparisons.flatMap((op) => [
    { op, inputs: [f([2, 3]), f([3], -1)] },
    { op, inputs: [i64([1, 2, 3]), i64([2])] },
  ]),
  ...['And', 'Or', 'Xor'].map((op) => ({ op, inputs: [bool([0, 0, 1, 1]), bool([0, 1, 0, 1])] })),
  { op: 'Not', inputs: [bool([0, 1])] },
  { op: 'IsNaN', inputs: [tensor('float32', [3], [0, Number.NaN, 1])] },
  { op: 'IsInf', inputs: [tensor('float32', [3], [0, Number.POSITIVE_INFINITY, 1])] },
  { op: 'Where', inputs: [bool([0, 1], [2, 1]), f([2, 3]), scalar('float32', 9)] },
  { op: 'Cast', inputs: [f([4])], attrs: { to: 7 } },
  { op: 'Cast', inputs: [f([4])], attrs: { to: 9 } },
  { op: 'Cast', inputs: [f([4])], attrs: { to: 10 } },
  { op: 'Cast', inputs: [i64([-1, 300])], attrs: { to: 1 } },
  { op: 'Clip', inputs: [f([6]), scalar('float32', -0.5), scalar('float32', 0.5)] },
  { op: 'Softmax', inputs: [f([2, 3, 4])], attrs: { axis: 1 } },
  { op: 'LogSoftmax', inputs: [f([2, 3])], attrs: { axis: -1 } },
  { op: 'CumSum', inputs: [i64([1, 2, 3, 4, 5, 6], [2, 3]), scalar('int64', 1)] },
  { op: 'CumSum', inputs: [f([2, 3]), scalar('int64', 0)] },
  { op: 'Trilu', inputs: [f([3, 4]), scalar('int64', 1)], attrs: { upper: 1 } },
  { op: 'Trilu', inputs: [f([2, 3, 3])], attrs: { upper: 0 } },
  { op: 'MatMul', inputs: [f([2, 3]), f([3, 4])] },
  { op: 'MatMul', inputs: [f([5, 2, 3]), f([3, 4])] },
  { op: 'MatMul', inputs: [f([5, 1, 2, 3]), f([2, 3, 4])] },
  { op: 'MatMul', inputs: [f([3]), f([5, 3, 4])] },
  { op: 'MatMul', inputs: [f([5, 2, 3]), f([3])] },
  { op: 'MatMul', inputs: [f([3]), f([3])] },
  {
    op: 'Gemm',
    inputs: [f([3, 2]), f([4, 3]), f([4])],
    attrs: { transA: 1, transB: 1, alpha: { float: 0.5 } },
  },
  { op: 'Gemm', inputs: [f([2, 3]), f([3, 4])] },
  { op: 'LayerNormalization', inputs: [f([2, 3, 4]), f([4], 1), f([4])], attrs: { axis: -1 }, outputs: 3 },
  { op: 'LayerNormalization', inputs: [f([2, 3, 4]), f([3, 4], 1)], attrs: { axis: 1 } },
  { op: 'Transpose', inputs: [f([2, 3, 4])] },
  { op: 'Transpose', inputs: [f([2, 3, 4])], attrs: { perm: [2, 0, 1] } },
  { op: 'Reshape', inputs: [f([2, 3, 4]), i64([0, -1])] },
  { op: 'Reshape', inputs: [f([2, 3, 4]), i64([4, 1, 6])] },
  { op: 'Reshape', inputs: [f([1]), i64([], [0])] },
  { op: 'Squeeze', inputs: [f([1, 3, 1]), i64([-1])] },
  { op: 'Squeeze', inputs: [f([1, 3, 1])] },
  { op: 'Unsqueeze', inputs: [f([2, 3]), i64([0, -1])] },
  { op: 'Expand', inputs: [f([3, 1]), i64([2, 1, 4])] },
  { op: 'Expand', inputs: [f([2, 3]), i64([1])] },
  { op: 'Concat', inputs: [f([2, 3]), f([2, 1]), f([2, 2])], attrs: { axis: -1 } },
  { op: 'Concat', inputs: [i64([1]), i64([2, 3])], attrs: { axis: 0 } },
  { op: 'Split', inputs: [f([2, 6]), i64([1, 3, 2])], attrs: { axis: 1 }, outputs: 3 },
  { op: 'Split', inputs: [f([5, 2])], attrs: { axis: 0, num_outputs: 2 }, outputs: 2 },
  { op: 'Slice', inputs: [f([4, 6]), i64([1]), i64([-1]), i64([1])] },
  { op: 'Slice', inputs: [f([4, 6]), i64([-1, 0]), i64([-100, 100]), i64([0, 1]), i64([-1, 2])] },
  { op: 'Slice', inputs: [f([4, 6]), i64([3]), i64([2])] },
  { op: 'Pad', inputs: [f([2, 3]), i64([1, 0, 0, 2])] },
  { op: 'Pad', inputs: [f([2, 3]), i64([1, 2]), scalar('float32', 7), i64([-1])] },
  { op: 'Tile', inputs: [f([2, 3]), i64([2, 2])] },
  { op: 'Flatten', inputs: [f([2, 3, 4])], attrs: { axis: 2 } },
  { op: 'Flatten', inputs: [f([2, 3, 4])], attrs: { axis: 0 } },
  { op: 'Shape', inputs: [f([2, 3, 4])] },
  { op: 'Shape', inputs: [f([2, 3, 4])], attrs: { start: -2, end: 3 } },
  { op: 'Size', inputs: [f([2, 3])] },
  { op: 'Gather', inputs: [f([4, 3]), i64([2, 0, -1, 1], [2, 2])], attrs: { axis: 0 } },
  { op: 'Gather', inputs: [f([4, 3]), scalar('int64', 1)], attrs: { axis: 1 } },
  { op: 'GatherElements', inputs: [f([2, 3]), i64([0, 1, 1, 0], [2, 2])], attrs: { axis: 1 } },
  { op: 'GatherND', inputs: [f([2, 3, 4]), i64([0, 1, 1, 2], [2, 2])] },
  { op: 'GatherND', inputs: [f([2, 3, 4]), i64([1, 2], [2, 1])], attrs: { batch_dims: 1 } },
  {
    op: 'ScatterElements',
    inputs: [f([2, 3]), i64([0, 2], [2, 1]), f([2, 1])],
    attrs: { axis: 1, reduction: 'add' },
  },
  { op: 'ScatterND', inputs: [f([4, 3]), i64([0, 2, 0], [3, 1]), f([3, 3])], attrs: { reduction: 'add' } },
  ...[
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceProd',
    'ReduceL2',
    'ReduceLogSumExp',
    'ReduceSumSquare',
  ].flatMap((op) => [
    { op, inputs: [f([2, 3, 4]), i64([-1, 0])], attrs: { keepdims: 0 } },
    { op, inputs: [f([2, 3, 4]), i64([1])] },
    { op, inputs: [f([2, 3])] },
  ]),
  ...['ReduceSum', 'ReduceProd', 'ReduceMax', 'ReduceMin'].map((op) => ({
    op,
    inputs: [i64([3, -1, 4, 1, 5, 9], [2, 3]), i64([1])],
    attrs: { keepdims: 0 },
  })),
  { op: 'ReduceSum', inputs: [f([2, 3]), i64([], [0])], attrs: { noop_with_empty_axes: 1 } },
  { op: 'TopK', inputs: [f([2, 5]), i64([3])], attrs: { axis: -1 }, outputs: 2 },
  { op: 'TopK', inputs: [f([4, 2]), i64([1])], attrs: { axis: 0, largest: 0 }, outputs: 2 },
  { op: 'ArgMax', inputs: [f([2, 3])], attrs: { axis: 1, keepdims: 0 } },
  { op: 'OneHot', inputs: [i64([0, 2]), scalar('int64', 3), f([2], 0)], attrs: { axis: 0 } },
  { op: 'Constant', inputs: [], attrs: { value: f([2, 2]) } },
  { op: 'Constant', inputs: [], attrs: { value_ints: [1, 2, 3] } },
  { op: 'Constant', inputs: [], attrs: { value_float: { float: 2.5 } } },
  { op: 'ConstantOfShape', inputs: [i64([2, 3])], attrs: { value: tensor('int64', [1], [7]) } },
  { op: 'ConstantOfShape', inputs: [i64([2, 3])] },
  { op: 'Range', inputs: [scalar('int64', 1), scalar('int64', 8), scalar('int64', 3)] },
  { op: 'Range', inputs: [scalar('float32', 1), scalar('float32', -1), scalar('float32', -0.5)] },
  loopCase(),
];

/** A readable name: `Add(float32[2,3], float32[3])`. */
export function caseName({ op, inputs }: OperatorCase): string {
  return `${op}(${inputs.map((x) => (x === null ? '-' : `${x.dtype}[${x.shape.join(',')}]`)).join(', ')})`;
}
