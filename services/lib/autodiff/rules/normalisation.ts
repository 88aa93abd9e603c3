// Gradients of Softmax, LogSoftmax and the normalisations by mean and variance or by mean square.
import { floatAttr, type Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { type Contribution, structural } from '../rule.js';
import { product, staticShape } from '../shapes.js';
import { grow } from '../unbroadcast.js';

export const normalisationRules = structural({
  Softmax: [softmax], // dx = y (g - sum(g y))
  LogSoftmax: [logSoftmax], // dx = g - exp(y) sum(g)
  LayerNormalization: [layerNorm, scaleOf(layerNormalised), ({ whole }) => whole],
  SimplifiedLayerNormalization: [rmsNorm, rmsScale],
  RMSNormalization: [rmsNorm, rmsScale],
});

function softmax(c: RuleContext): Contribution {
  const { e, g, y } = c;
  const axis = c.axis(-1, c.yShape.length);
  return e.mul(y, e.sub(g, e.reduceSum(e.mul(g, y), [axis], true)));
}

function logSoftmax(c: RuleContext): Contribution {
  const { e, whole, y } = c;
  const axis = c.axis(-1, c.yShape.length);
  return e.sub(whole, e.mul(e.exp(y), e.reduceSum(whole, [axis], true)));
}

// With n the normalised input, s the scale, r = 1 / sqrt(mean square + epsilon) of what is scaled down, and m(.) the
// mean over the normalised axes:
//   by mean square:         dx = r (g s - n m(g s n))
//   by mean and variance:   dx = r (g s - m(g s) - n m(g s n))
// By mean square, n = r x needs no pass of its own. With rows of K elements and t = g x, both sums are products of t
// with a vector, and what is left are five passes:
//   ds = r^T t,   dx = r (g s) + c x with c = -r^3 (t s) / K
// A scale that differs from row to row, which the standard does not have and exporters write, is no vector; it takes the
// formulas as they stand.

function rmsNorm(c: RuleContext): Contribution {
  const { e, x, w, whole } = c;
  if (scaleDiffersByRow(c))
    return e.mul(inverseDeviation(c, x, 1), e.sub(scaled(c), parallel(c, rmsNormalised(c))));
  const { rows, width, r_N1, t_NK } = meanSquareParts(c);
  const scale_K1 = e.reshape(grow(e, w, c.xShape.slice(-normalisedAxes(c).length)), [width, 1]);
  // As a factor of its own: an attribute of Gemm would round it to float32.
  const factor_N1 = e.mul(e.mul(e.mul(r_N1, r_N1), r_N1), -1 / width);
  const coefficient_N1 = e.mul(e.gemm(t_NK, scale_K1), factor_N1);
  const perRow = (value_N1: Value): Value => e.reshape(value_N1, rows);
  return e.add(e.mul(e.mul(whole, w), perRow(r_N1)), e.mul(x, perRow(coefficient_N1)));
}

function rmsScale(c: RuleContext): Contribution {
  if (scaleDiffersByRow(c)) return c.e.mul(c.whole, rmsNormalised(c));
  const { r_N1, t_NK } = meanSquareParts(c);
  const normalised = c.xShape.slice(-normalisedAxes(c).length);
  return c.e.reshape(c.e.gemm(r_N1, t_NK, null, { transA: true }), normalised);
}

function scaleDiffersByRow(c: RuleContext): boolean {
  return product(staticShape(c.w).slice(0, -normalisedAxes(c).length)) > 1;
}

function rmsNormalised(c: RuleContext): Value {
  return c.once('normalised', () => c.e.mul(c.x, inverseDeviation(c, c.x, 1)));
}

function meanSquareParts(c: RuleContext) {
  return c.once('mean square', () => {
    const { e, x, whole, xShape } = c;
    const axes = normalisedAxes(c);
    const width = product(xShape.slice(-axes.length));
    const count = product(xShape) / width;
    return {
      /** x's shape with 1 on the normalised axes. */
      rows: xShape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
      width,
      r_N1: e.reshape(inverseDeviation(c, x, 1), [count, 1]),
      t_NK: e.reshape(e.mul(whole, x), [count, width]),
    };
  });
}

function layerNorm(c: RuleContext): Contribution {
  const { e } = c;
  const centredGradient = e.sub(scaled(c), e.reduceMean(scaled(c), normalisedAxes(c), true));
  return e.mul(inverseDeviation(c, centred(c), 2), e.sub(centredGradient, parallel(c, layerNormalised(c))));
}

function scaleOf(normalised: (c: RuleContext) => Value): (c: RuleContext) => Value {
  return (c) => c.e.mul(c.whole, normalised(c));
}

function layerNormalised(c: RuleContext): Value {
  return c.once('normalised', () => c.e.mul(centred(c), inverseDeviation(c, centred(c), 2)));
}

/** g s */
function scaled(c: RuleContext): Value {
  return c.once('scaled', () => c.e.mul(c.whole, c.w));
}

/** n m(g s n) */
function parallel(c: RuleContext, normalised: Value): Value {
  const { e } = c;
  return e.mul(normalised, e.reduceMean(e.mul(scaled(c), normalised), normalisedAxes(c), true));
}

function centred(c: RuleContext): Value {
  return c.once('centred', () =>
    c.e.sub(c.x, statistic(c, 1) ?? c.e.reduceMean(c.x, normalisedAxes(c), true)),
  );
}

/** r of the deviations; the operator gives it as its output `index` where the graph asks for that. */
function inverseDeviation(c: RuleContext, deviations: Value, index: number): Value {
  return c.once('inverse deviation', () => {
    const { e } = c;
    const known = statistic(c, index);
    if (known !== undefined) return known;
    const epsilon = floatAttr(c.node.attributes, 'epsilon', 1e-5);
    const meanSquare = e.reduceMean(e.mul(deviations, deviations), normalisedAxes(c), true);
    return e.reciprocal(e.sqrt(e.add(meanSquare, epsilon)));
  });
}

/** An optional output, where the graph has it and in the input's own type. */
function statistic(c: RuleContext, index: number): Value | undefined {
  const value = c.node.outputs[index];
  return value !== undefined && value.name !== '' && value.dtypeIfKnown === c.x.dtype ? value : undefined;
}

/** `axis` and all that follow. */
function normalisedAxes(c: RuleContext): number[] {
  const rank = c.xShape.length;
  const first = c.axis(-1, rank);
  return Array.from({ length: rank - first }, (_, index) => first + index);
}
