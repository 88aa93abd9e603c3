// Constant evaluation of operators that move elements. Exact for every type.
import { intsAttr, tensorAttr } from '../attributes.js';
import { allocate } from '../dtype.js';
import { sliceRange } from '../infer/ranges.js';
import type { TensorData } from '../ir.js';
import { numbersOf, reader, writer } from '../tensor.js';
import {
  broadcastStrides,
  type Evaluation,
  type EvaluationContext,
  inputOf,
  positions,
  stridesOf,
  take,
  withShape,
} from './context.js';

const reshaped: Evaluation = (c) => withShape(inputOf(c, 0), c.results[0]!.shape);

const transpose: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const perm = intsAttr(c.node.attributes, 'perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  const strides = stridesOf(x.shape);
  const { shape } = c.results[0]!;
  return take(
    x,
    shape,
    positions(
      shape,
      perm.map((axis) => strides[axis]!),
    ),
  );
};

const expand: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const { shape } = c.results[0]!;
  return take(x, shape, positions(shape, broadcastStrides(x.shape, shape)));
};

const concat: Evaluation = (c) => {
  const { dtype, shape } = c.results[0]!;
  const axis = c.node.axis(c.node.int('axis', 0), shape.length);
  const outer = product(shape.slice(0, axis));
  const inner = product(shape.slice(axis + 1));
  const data = allocate(dtype, outer * shape[axis]! * inner);
  let start = 0;
  for (let index = 0; index < c.inputs.length; index++) {
    const x = inputOf(c, index);
    const run = x.shape[axis]! * inner;
    for (let i = 0; i < outer; i++) {
      for (let j = 0; j < run; j++) data[i * shape[axis]! * inner + start + j] = x.data[i * run + j] as never;
    }
    start += run;
  }
  return { dtype, shape, data };
};

const split: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const axis = c.node.axis(c.node.int('axis', 0), x.shape.length);
  const strides = stridesOf(x.shape);
  let start = 0;
  return c.results.map(({ shape }) => {
    const part = take(x, shape, positions(shape, strides, start * strides[axis]!));
    start += shape[axis]!;
    return part;
  });
};

const slice: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const starts = c.node.ints(1);
  const ends = c.node.ints(2);
  if (starts === undefined || ends === undefined) return undefined;
  const axes = c.node.ints(3) ?? starts.map((_, i) => i);
  const steps = c.node.ints(4) ?? starts.map(() => 1);
  const strides = stridesOf(x.shape);
  let offset = 0;
  axes.forEach((rawAxis, i) => {
    const axis = c.node.axis(rawAxis, x.shape.length);
    const { first } = sliceRange(x.shape[axis]!, starts[i]!, ends[i]!, steps[i]!);
    offset += first * strides[axis]!;
    strides[axis]! *= steps[i]!;
  });
  const { shape } = c.results[0]!;
  return take(x, shape, positions(shape, strides, offset));
};

const tile: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const { shape } = c.results[0]!;
  const strides = stridesOf(x.shape);
  const own = stridesOf(shape);
  const at = positions(shape, own).map((position) =>
    shape.reduce(
      (sum, size, axis) =>
        sum + ((Math.floor(position / own[axis]!) % size) % x.shape[axis]!) * strides[axis]!,
      0,
    ),
  );
  return take(x, shape, at);
};

const gather: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const indices = inputOf(c, 1);
  const axis = c.node.axis(c.node.int('axis', 0), x.shape.length);
  const size = x.shape[axis]!;
  const inner = product(x.shape.slice(axis + 1));
  const outer = product(x.shape.slice(0, axis));
  const chosen = numbersOf(indices);
  const at = new Float64Array(outer * chosen.length * inner);
  let next = 0;
  for (let i = 0; i < outer; i++) {
    for (const index of chosen) {
      const row = (i * size + wrapped(c, index, size)) * inner;
      for (let j = 0; j < inner; j++) at[next++] = row + j;
    }
  }
  return take(x, c.results[0]!.shape, at);
};

/** Position of an index on an axis, counted from the front. */
function wrapped(c: EvaluationContext, index: number, size: number): number {
  if (index < -size || index >= size) return c.node.fail(`an index is outside a size of ${size}`);
  return index < 0 ? index + size : index;
}

const gatherElements: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const chosen = numbersOf(inputOf(c, 1));
  const { shape } = c.results[0]!;
  const axis = c.node.axis(c.node.int('axis', 0), x.shape.length);
  const strides = stridesOf(x.shape);
  // Other axes go along with the result's; on this one the index says where.
  const base = positions(
    shape,
    strides.map((stride, i) => (i === axis ? 0 : stride)),
  );
  const at = base.map((position, i) => position + wrapped(c, chosen[i]!, x.shape[axis]!) * strides[axis]!);
  return take(x, shape, at);
};

const gatherND: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const indices = inputOf(c, 1);
  const chosen = numbersOf(indices);
  const { shape } = c.results[0]!;
  const batchAxes = c.node.int('batch_dims', 0);
  const tuple = indices.shape.at(-1)!;
  const strides = stridesOf(x.shape);
  const inner = product(x.shape.slice(batchAxes + tuple));
  const tuples = tuple === 0 ? 0 : chosen.length / tuple;
  const perBatch = tuples / product(x.shape.slice(0, batchAxes));
  const at = new Float64Array(tuples * inner);
  for (let t = 0; t < tuples; t++) {
    let start = Math.floor(t / perBatch) * product(x.shape.slice(batchAxes));
    for (let i = 0; i < tuple; i++) {
      const axis = batchAxes + i;
      start += wrapped(c, chosen[t * tuple + i]!, x.shape[axis]!) * strides[axis]!;
    }
    for (let j = 0; j < inner; j++) at[t * inner + j] = start + j;
  }
  return tuple === 0 ? undefined : take(x, shape, at);
};

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

const constantOfShape: Evaluation = (c) => {
  const { dtype, shape } = c.results[0]!;
  const fill = tensorAttr(c.node.attributes, 'value')?.data[0] ?? 0;
  const data = allocate(dtype, product(shape));
  data.fill(fill as never);
  return { dtype, shape, data };
};

const range: Evaluation = (c) => {
  const { dtype, shape } = c.results[0]!;
  const start = numbersOf(inputOf(c, 0))[0]!;
  const delta = numbersOf(inputOf(c, 2))[0]!;
  const data = allocate(dtype, shape[0]!);
  const write = writer(dtype);
  for (let i = 0; i < data.length; i++) data[i] = write(start + i * delta);
  return { dtype, shape, data };
};

const where: Evaluation = (c) => {
  const { dtype, shape } = c.results[0]!;
  const condition = inputOf(c, 0);
  const yes = inputOf(c, 1);
  const no = inputOf(c, 2);
  const [atCondition, atYes, atNo] = [condition, yes, no].map((x) =>
    positions(shape, broadcastStrides(x.shape, shape)),
  );
  const data = allocate(dtype, atCondition!.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = (condition.data[atCondition![i]!] ? yes.data[atYes![i]!] : no.data[atNo![i]!]) as never;
  }
  return { dtype, shape, data };
};

/** Keeps the upper (or lower) triangle of the last two axes, counted from the k-th diagonal. */
const trilu: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const [rows, columns] = [x.shape.at(-2), x.shape.at(-1)];
  if (rows === undefined || columns === undefined) return undefined;
  const k = c.inputs[1] ? numbersOf(inputOf(c, 1))[0]! : 0;
  const upper = c.node.int('upper', 1) !== 0;
  const data = allocate(x.dtype, x.data.length);
  for (let i = 0; i < data.length; i++) {
    const column = i % columns;
    const row = Math.floor(i / columns) % rows;
    if (upper ? column - row >= k : column - row <= k) data[i] = x.data[i] as never;
  }
  return { dtype: x.dtype, shape: x.shape, data };
};

/** Conversion by value. Between integers it wraps, from floats to integers it truncates, to bool it is "not zero". */
const cast: Evaluation = (c) => {
  const x = inputOf(c, 0);
  const { dtype, shape } = c.results[0]!;
  const data = allocate(dtype, x.data.length);
  const integers = (x.dtype === 'int64' || x.dtype === 'uint64') && (dtype === 'int64' || dtype === 'uint64');
  const read = reader(x.dtype);
  const write = writer(dtype);
  for (let i = 0; i < data.length; i++) data[i] = integers ? (x.data[i] as never) : write(read(x.data[i]!));
  return { dtype, shape, data };
};

function shapeOf(c: EvaluationContext): TensorData {
  const rank = inputOf(c, 0).shape.length;
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const dims = inputOf(c, 0).shape.slice(clamp(c.node.int('start', 0)), clamp(c.node.int('end', rank)));
  return { dtype: 'int64', shape: [dims.length], data: BigInt64Array.from(dims, BigInt) };
}

export const movementEvaluations: Readonly<Record<string, Evaluation>> = {
  Identity: (c) => inputOf(c, 0),
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Flatten: reshaped,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Tile: tile,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ConstantOfShape: constantOfShape,
  Range: range,
  Where: where,
  Trilu: trilu,
  Cast: cast,
  Shape: shapeOf,
  Size: (c) => ({ dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(inputOf(c, 0).data.length)) }),
};
