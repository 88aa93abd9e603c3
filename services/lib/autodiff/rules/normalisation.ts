// Gradients of Softmax, LogSoftmax and the normalisations by mean and variance or by mean square.
import { floatAttr, type Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { type Contribution, structural } from '../rule.js';

export const normalisationRules = structural({
  Softmax: [softmax], // dx = y (g - sum(g y))
  LogSoftmax: [logSoftmax], // dx = g - exp(y) sum(g)
  LayerNormalization: [layerNorm, scaleOf(layerNormalised), ({ whole }) => whole],
  SimplifiedLayerNormalization: [rmsNorm, scaleOf(rmsNormalised)],
  RMSNormalization: [rmsNorm, scaleOf(rmsNormalised)],
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

function rmsNorm(c: RuleContext): Contribution {
  const { e } = c;
  return e.mul(inverseDeviation(c, c.x, 1), e.sub(scaled(c), parallel(c, rmsNormalised(c))));
}

function layerNorm(c: RuleContext): Contribution {
  const { e } = c;
  const centredGradient = e.sub(scaled(c), e.reduceMean(scaled(c), normalisedAxes(c), true));
  return e.mul(inverseDeviation(c, centred(c), 2), e.sub(centredGradient, parallel(c, layerNormalised(c))));
}

function scaleOf(normalised: (c: RuleContext) => Value): (c: RuleContext) => Value {
  return (c) => c.e.mul(c.whole, normalised(c));
}

function rmsNormalised(c: RuleContext): Value {
  return c.once('normalised', () => c.e.mul(c.x, inverseDeviation(c, c.x, 1)));
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
