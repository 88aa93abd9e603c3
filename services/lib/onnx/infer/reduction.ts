// Shape rule shared by all reductions. Axes are an input (opset 18; ReduceSum since 13) or an attribute before that.
import type { Rule } from './context.js';
import { unknownDim } from './dims.js';

const reduce: Rule = (c) => {
  const dtype = c.dtype(0);
  const shape = c.shape(0);
  const axes = c.axes(1);
  const keep = c.int('keepdims', 1) !== 0;
  if (shape === undefined) return { dtype, shape };
  if (axes === null) return { dtype, shape: keep ? shape.map(() => unknownDim) : undefined };
  const none = axes === undefined || axes.length === 0;
  if (none && c.int('noop_with_empty_axes', 0) !== 0) return { dtype, shape };
  const reduced = new Set(none ? shape.map((_, i) => i) : axes.map((axis) => c.axis(axis, shape.length)));
  return { dtype, shape: shape.flatMap((dim, i) => (!reduced.has(i) ? [dim] : keep ? [1] : [])) };
};

const names = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'LogSum', 'LogSumExp', 'SumSquare'];

export const reductionRules: Readonly<Record<string, Rule>> = Object.fromEntries(
  names.map((name) => [`Reduce${name}`, reduce]),
);
