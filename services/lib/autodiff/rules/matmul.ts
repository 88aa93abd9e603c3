// Gradients of matrix products. Y = A B gives dA = G B^T and dB = A^T G; transposition is a flag of Gemm, not a pass.
// Letters: M rows, K inner size, N columns; leading axes of a stack of matrices are folded into M where B has none.
import { floatAttr, type GraphBuilder, type Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { afterSum, type Contribution, structural } from '../rule.js';
import { product, sameShape, staticShape } from '../shapes.js';

export const matmulRules = structural({
  MatMul: [
    (c) => (flat(c) ? flatLeft(c) : stackedLeft(c)), // dA = G B^T
    (c) => (flat(c) ? flatRight(c) : stackedRight(c)), // dB = A^T G
  ],
  Gemm: [gemmLeft, gemmRight, gemmBias], // Y = alpha A' B' + beta C, where ' is an optional transposition
});

/** One matrix (or a vector) on the right: everything is one product of two matrices. */
function flat({ w }: RuleContext): boolean {
  return staticShape(w).length <= 2;
}

interface Flat {
  readonly a_MK: Value;
  readonly b_KN: Value;
  readonly g_MN: Value;
}

function flatten(c: RuleContext): Flat {
  return c.once('flat', () => {
    const { e, x, w, whole } = c;
    const k = staticShape(w)[0]!;
    const n = staticShape(w)[1] ?? 1;
    const m = product(c.xShape) / k;
    return { a_MK: shaped(e, x, [m, k]), b_KN: shaped(e, w, [k, n]), g_MN: shaped(e, whole, [m, n]) };
  });
}

function flatLeft(c: RuleContext): Value {
  const { g_MN, b_KN } = flatten(c);
  return shaped(c.e, c.e.gemm(g_MN, b_KN, null, { transB: true }), c.xShape);
}

function flatRight(c: RuleContext): Value {
  const { a_MK, g_MN } = flatten(c);
  return shaped(c.e, c.e.gemm(a_MK, g_MN, null, { transA: true }), staticShape(c.w));
}

function stackedLeft(c: RuleContext): Value {
  return c.e.matmul(stackedGradient(c), transposed(c.e, c.w));
}

function stackedRight(c: RuleContext): Value {
  return c.e.matmul(transposed(c.e, asMatrix(c)), stackedGradient(c));
}

/** A vector on the left of a stack is a matrix of one row. */
function asMatrix({ e, x, xShape }: RuleContext): Value {
  return xShape.length === 1 ? e.reshape(x, [1, ...xShape]) : x;
}

function stackedGradient(c: RuleContext): Value {
  if (c.xShape.length > 1) return c.whole;
  return c.once('rows', () => c.e.reshape(c.whole, [...c.yShape.slice(0, -1), 1, c.yShape.at(-1)!]));
}

function transposed(e: GraphBuilder, matrices: Value): Value {
  const rank = staticShape(matrices).length;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  return e.transpose(matrices, [...perm.slice(0, -2), rank - 1, rank - 2]);
}

function shaped(e: GraphBuilder, value: Value, shape: readonly number[]): Value {
  return sameShape(staticShape(value), shape) ? value : e.reshape(value, shape);
}

interface GemmFlags {
  /** Factor of the product, written only where it is not 1. */
  readonly factor: { readonly alpha?: number };
  readonly transA: boolean;
  readonly transB: boolean;
}

function gemmFlags(c: RuleContext): GemmFlags {
  const alpha = floatAttr(c.node.attributes, 'alpha', 1);
  return {
    factor: alpha === 1 ? {} : { alpha },
    transA: c.int('transA', 0) !== 0,
    transB: c.int('transB', 0) !== 0,
  };
}

function gemmLeft(c: RuleContext): Value {
  const { factor, transA, transB } = gemmFlags(c);
  const { e, w, whole } = c;
  // A' = A: dA = G B'^T.  A' = A^T: dA = (G B'^T)^T = B' G^T.
  return transA
    ? e.gemm(w, whole, null, { ...factor, transA: transB, transB: true })
    : e.gemm(whole, w, null, { ...factor, transB: !transB });
}

function gemmRight(c: RuleContext): Value {
  const { factor, transA, transB } = gemmFlags(c);
  const { e, x, whole } = c;
  // B' = B: dB = A'^T G.  B' = B^T: dB = (A'^T G)^T = G^T A'.
  return transB
    ? e.gemm(whole, x, null, { ...factor, transA: true, transB: transA })
    : e.gemm(x, whole, null, { ...factor, transA: !transA });
}

function gemmBias(c: RuleContext): Contribution {
  const beta = floatAttr(c.node.attributes, 'beta', 1);
  return beta === 1 ? c.whole : afterSum(c.whole, (summed) => c.e.mul(summed, beta));
}
