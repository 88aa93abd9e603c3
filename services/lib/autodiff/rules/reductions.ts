// Gradients of reductions. A sum's gradient is the output's, standing once for every element that was summed: it
// is handed on in the reduced shape and grows by broadcasting only where somebody needs it.
import { intsAttr, type Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { type Contribution, structural } from '../rule.js';
import { frontAxis, staticShape } from '../shapes.js';

export const reductionRules = structural({
  ReduceSum: [spread], // 1
  ReduceMean: [(c) => c.e.mul(spread(c), 1 / reducedCount(c))], // 1/n
  ReduceMax: [extremum], // 1 where x is the extremum, shared between equals
  ReduceMin: [extremum],
  CumSum: [cumulative], // sums run back the other way
});

/** Reduced axes, counted from the front and in order. */
function reducedAxes(c: RuleContext): readonly number[] {
  return c.once('axes', () => {
    const rank = c.xShape.length;
    const axes = intsAttr(c.node.attributes, 'axes') ?? c.constantInts(1, 'axes') ?? [];
    if (axes.length > 0) return axes.map((axis) => frontAxis(axis, rank)).sort((a, b) => a - b);
    return c.int('noop_with_empty_axes', 0) === 1 ? [] : c.xShape.map((_, axis) => axis);
  });
}

function reducedCount(c: RuleContext): number {
  return reducedAxes(c).reduce((count, axis) => count * c.xShape[axis]!, 1);
}

/** A tensor of the output's number of axes with the reduced axes back in place, of size 1. */
function kept(c: RuleContext, value: Value): Value {
  if (c.int('keepdims', 1) === 1) return value;
  const axes = reducedAxes(c);
  const held = [...staticShape(value)];
  for (const axis of axes) held.splice(axis, 0, 1);
  return axes.length === 0 ? value : c.e.reshape(value, held);
}

/** The output's gradient, once for every element that was reduced. */
function spread(c: RuleContext): Value {
  return c.uniform ?? kept(c, c.aligned);
}

function extremum(c: RuleContext): Contribution {
  const { e } = c;
  const axes = reducedAxes(c);
  if (axes.length === 0) return c.g;
  const isExtremum = e.equal(c.x, kept(c, c.y));
  const count = e.reduceSum(e.cast(isExtremum, c.y.dtype), axes, true);
  return e.where(isExtremum, e.div(spread(c), count), 0);
}

function cumulative(c: RuleContext): Contribution {
  return c.e.op('CumSum', [c.whole, c.w], {
    exclusive: c.int('exclusive', 0),
    reverse: 1 - c.int('reverse', 0),
  });
}
