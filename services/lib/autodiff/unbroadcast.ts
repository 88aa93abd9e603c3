// The two directions of broadcasting for gradients: summing one down to its source, and growing one to its value.
//
// A gradient may be held in a smaller tensor that broadcasts to its value's shape (the gradient of a mean is one
// number a row). Rules multiply with it as it is; it is grown only where an operator needs all of it.
import type { GraphBuilder, Value } from '#onnx';
import { alignedDim, sameShape, staticShape } from './shapes.js';

/**
 * Sums a gradient over the axes along which its source was broadcast.
 *
 * `gradient` stands for a tensor of shape `full` and may be held smaller; `target` is the source's shape and
 * broadcasts to `full`. The result broadcasts to `target`.
 */
export function unbroadcast(
  b: GraphBuilder,
  gradient: Value,
  full: readonly number[],
  target: readonly number[],
): Value {
  const held = staticShape(gradient);
  if (sameShape(held, target)) return gradient;
  const rank = full.length;
  const summed: number[] = [];
  // An axis held once and standing for n equal copies is summed by multiplying with n.
  let copies = 1;
  for (let axis = 0; axis < rank; axis++) {
    const wanted = alignedDim(target, rank, axis);
    const size = full[axis]!;
    if (wanted !== 1 || size === 1) continue;
    if (alignedDim(held, rank, axis) === 1) copies *= size;
    else summed.push(axis);
  }
  const reduced = sumTo(b, gradient, summed, rank, target.length);
  return copies === 1 ? reduced : b.mul(reduced, copies);
}

function sumTo(
  b: GraphBuilder,
  gradient: Value,
  axes: readonly number[],
  rank: number,
  targetRank: number,
): Value {
  const held = staticShape(gradient);
  const offset = rank - held.length;
  const missing = rank - targetRank;
  const own = axes.map((axis) => axis - offset);
  // Leading axes that the source does not have can be dropped by the sum itself.
  const dropsAll = held.length === rank && axes.length === missing && axes.every((axis) => axis < missing);
  if (axes.length > 0 && dropsAll) return b.reduceSum(gradient, own, false);
  const summed = axes.length > 0 ? b.reduceSum(gradient, own, true) : gradient;
  const shape = staticShape(summed);
  return shape.length > targetRank ? b.reshape(summed, [...shape.slice(shape.length - targetRank)]) : summed;
}

/** The whole of a gradient that may be held smaller than its value. */
export function grow(b: GraphBuilder, gradient: Value, shape: readonly number[]): Value {
  return sameShape(staticShape(gradient), shape) ? gradient : b.expand(gradient, shape);
}

/** The same gradient with as many axes as its value: sizes of 1 in front. */
export function alignRank(b: GraphBuilder, gradient: Value, rank: number): Value {
  const held = staticShape(gradient);
  if (held.length === rank) return gradient;
  return b.reshape(gradient, [...Array<number>(rank - held.length).fill(1), ...held]);
}
