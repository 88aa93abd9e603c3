// One AdamW update with decoupled decay, as graph, in two parts: the moments, which need the gradient, and the parameter,
// which needs only the new moments. Whoever is short of memory can compute the second where the gradients lay.
import type { GraphBuilder, Value } from '#onnx';

export interface AdamWMoments {
  /** First moment (torch: exp_avg) and second moment (exp_avg_sq), of the parameter's shape. */
  readonly m: Value;
  readonly v: Value;
}

/** Scalars that change from step to step, computed on the host. */
export interface AdamWScalars {
  readonly learningRate: Value;
  /** 1 - beta1^t and 1 - beta2^t, t counting from 1. */
  readonly biasCorrection1: Value;
  readonly biasCorrection2: Value;
}

export interface AdamWHyper {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/**
 * The moments of torch.optim.AdamW after a step with the gradient s g, `clipScale` being the factor s:
 *   m' = beta1 m + (1 - beta1) s g,  v' = beta2 v + (1 - beta2) (s g)^2.
 * 3 passes over the parameter's size for m', 4 for v'.
 */
export function emitMoments(
  b: GraphBuilder,
  { m, v }: AdamWMoments,
  gradient: Value,
  clipScale: Value,
  { beta1, beta2 }: AdamWHyper,
): AdamWMoments {
  const fresh1 = b.mul(clipScale, b.scalar(1 - beta1));
  const fresh2 = b.mul(b.mul(clipScale, clipScale), b.scalar(1 - beta2));
  return {
    m: b.add(b.mul(m, b.scalar(beta1)), b.mul(gradient, fresh1)),
    v: b.add(b.mul(v, b.scalar(beta2)), b.mul(b.mul(gradient, gradient), fresh2)),
  };
}

/**
 * The parameter of torch.optim.AdamW after a step that left the moments m' and v'; weight decay applies where `decay` says so:
 *   p' = (1 - lr wd) p - lr (m' / c1) / (sqrt(v' / c2) + eps)
 *      = (1 - lr wd) p - (lr sqrt(c2) / c1) m' / (sqrt(v') + eps sqrt(c2)).
 * The last form leaves 6 passes over the parameter's size, 5 without decay. Everything else is scalar and, being the same for
 * all parameters, is left once by common-subexpression elimination.
 */
export function emitParameter(
  b: GraphBuilder,
  { parameter, decay }: { readonly parameter: Value; readonly decay: boolean },
  { m, v }: AdamWMoments,
  { learningRate, biasCorrection1, biasCorrection2 }: AdamWScalars,
  { epsilon, weightDecay }: AdamWHyper,
): Value {
  const rootCorrection2 = b.sqrt(biasCorrection2);
  const stepSize = b.div(b.mul(learningRate, rootCorrection2), biasCorrection1);
  const stabiliser = b.mul(rootCorrection2, b.scalar(epsilon));
  const update = b.mul(b.div(m, b.add(b.sqrt(v), stabiliser)), stepSize);
  const kept =
    decay && weightDecay !== 0
      ? b.mul(parameter, b.sub(b.scalar(1), b.mul(learningRate, b.scalar(weightDecay))))
      : parameter;
  return b.sub(kept, update);
}
