// Shape rules of matrix products, of normalisations and of rotations.
import type { Dim, Shape } from '../ir.js';
import type { InferenceContext, ResultType, Rule } from './context.js';
import { broadcastShapes, sameDim, unknownDim } from './dims.js';
import { commonDtype } from './elementwise.js';

function contract(c: InferenceContext, a: Dim, b: Dim): void {
  if (typeof a === 'number' && typeof b === 'number' && a !== b)
    c.fail(`inner dimensions ${a} and ${b} differ`);
}

/** numpy.matmul: vectors get a dimension that is dropped again, leading dimensions broadcast. */
function matmulShape(c: InferenceContext, a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0) return c.fail('a scalar has no matrix product');
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  contract(c, left.at(-1)!, right.at(-2)!);
  const lead =
    broadcastShapes(left.slice(0, -2), right.slice(0, -2)) ??
    c.fail('the leading dimensions do not broadcast');
  const rows = a.length === 1 ? [] : [left.at(-2)!];
  const columns = b.length === 1 ? [] : [right.at(-1)!];
  return [...lead, ...rows, ...columns];
}

function swapLast(shape: Shape | undefined, swap: number): Shape | undefined {
  if (shape === undefined || swap === 0 || shape.length < 2) return shape;
  return [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
}

const gemm: Rule = (c) => {
  const dtype = commonDtype(c, c.optional(2) === undefined ? [0, 1] : [0, 1, 2]);
  const a = swapLast(c.shape(0), c.int('transA', 0));
  const b = swapLast(c.shape(1), c.int('transB', 0));
  if (a === undefined || b === undefined) return { dtype, shape: [unknownDim, unknownDim] };
  if (a.length !== 2 || b.length !== 2) return c.fail('both factors must be matrices');
  contract(c, a[1]!, b[0]!);
  const shape: Shape = [a[0]!, b[1]!];
  const bias = c.optional(2)?.shape;
  if (bias !== undefined) {
    const sum = broadcastShapes(shape, bias);
    if (
      sum === undefined ||
      sum.length !== 2 ||
      (typeof shape[0] === 'number' && sum[0] !== shape[0]) ||
      (typeof shape[1] === 'number' && sum[1] !== shape[1])
    ) {
      return c.fail(`a bias of shape [${bias.join(',')}] does not broadcast to [${shape.join(',')}]`);
    }
  }
  return { dtype, shape };
};

/** Y, Mean and InvStdDev; the last two have size 1 on the normalised axes and are float32 at least. */
const layerNormalization: Rule = (c): ResultType[] => {
  const shape = c.shape(0);
  const dtype = c.dtype(0);
  const stash = dtype === 'float64' ? 'float64' : 'float32';
  let reduced: Shape | undefined;
  if (shape !== undefined) {
    const axis = c.axis(c.int('axis', -1), shape.length);
    reduced = shape.map((dim, i) => (i < axis ? dim : 1));
    for (const index of [1, 2]) {
      const scale = c.optional(index)?.shape;
      if (
        scale !== undefined &&
        broadcastShapes(shape, scale)?.some(
          (dim, i) => typeof shape[i] === 'number' && !sameDim(dim, shape[i]!),
        ) !== false
      ) {
        c.fail(`input ${index} of shape [${scale.join(',')}] does not broadcast to the first`);
      }
    }
  }
  return [
    { dtype, shape },
    { dtype: stash, shape: reduced },
    { dtype: stash, shape: reduced },
  ];
};

export const matrixRules: Readonly<Record<string, Rule>> = {
  MatMul: (c) => ({ dtype: commonDtype(c, [0, 1]), shape: matmulShape(c, c.shape(0), c.shape(1)) }),
  Gemm: gemm,
  LayerNormalization: layerNormalization,
  RMSNormalization: (c) => ({ dtype: c.dtype(0), shape: c.shape(0) }),
  SimplifiedLayerNormalization: (c) => layerNormalization(c),
  'com.microsoft.RotaryEmbedding': (c) => ({ dtype: commonDtype(c, [0, 2, 3]), shape: c.shape(0) }),
  'com.microsoft.FusedMatMul': (c) => ({
    dtype: commonDtype(c, [0, 1]),
    shape: matmulShape(c, swapLast(c.shape(0), c.int('transA', 0)), swapLast(c.shape(1), c.int('transB', 0))),
  }),
};
