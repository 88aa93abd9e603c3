// One AdamW update with decoupled decay, as graph; state in, new state out.
import type { GraphBuilder, Value } from '#onnx';

export interface AdamWState {
  readonly parameter: Value;
  readonly gradient: Value;
  /** First moment (torch: exp_avg) and second moment (exp_avg_sq), of the parameter's shape. */
  readonly m: Value;
  readonly v: Value;
  /** Whether weightDecay applies. */
  readonly decay: boolean;
}

/** Scalars that change from step to step, computed on the host but for the clip factor. */
export interface AdamWScalars {
  readonly learningRate: Value;
  /** 1 - beta1^t and 1 - beta2^t, t counting from 1. */
  readonly biasCorrection1: Value;
  readonly biasCorrection2: Value;
  /** Multiplies the gradient. */
  readonly clipScale: Value;
}

export interface AdamWHyper {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/**
 * torch.optim.AdamW's update:
 *   m' = beta1 m + (1 - beta1) s g,  v' = beta2 v + (1 - beta2) (s g)^2,
 *   p' = (1 - lr wd) p - lr (m' / c1) / (sqrt(v' / c2) + eps)
 *      = (1 - lr wd) p - (lr sqrt(c2) / c1) m' / (sqrt(v') + eps sqrt(c2)).
 * The last form leaves 13 passes over the parameter's size (12 without decay): 3 for m', 4 for v', 6 (5) for p'.
 * Everything else is scalar and, being the same for all parameters, is left once by common-subexpression elimination.
 */
export function emitAdamW(
  b: GraphBuilder,
  state: AdamWState,
  scalars: AdamWScalars,
  hyper: AdamWHyper,
): { readonly parameter: Value; readonly m: Value; readonly v: Value } {
  const { parameter, gradient, m, v, decay } = state;
  const { learningRate, biasCorrection1, biasCorrection2, clipScale } = scalars;
  const { beta1, beta2, epsilon, weightDecay } = hyper;
  const rootCorrection2 = b.sqrt(biasCorrection2);
  const stepSize = b.div(b.mul(learningRate, rootCorrection2), biasCorrection1);
  const stabiliser = b.mul(rootCorrection2, b.scalar(epsilon));
  const fresh1 = b.mul(clipScale, b.scalar(1 - beta1));
  const fresh2 = b.mul(b.mul(clipScale, clipScale), b.scalar(1 - beta2));

  const nextM = b.add(b.mul(m, b.scalar(beta1)), b.mul(gradient, fresh1));
  const nextV = b.add(b.mul(v, b.scalar(beta2)), b.mul(b.mul(gradient, gradient), fresh2));
  const update = b.mul(b.div(nextM, b.add(b.sqrt(nextV), stabiliser)), stepSize);
  const kept =
    decay && weightDecay !== 0
      ? b.mul(parameter, b.sub(b.scalar(1), b.mul(learningRate, b.scalar(weightDecay))))
      : parameter;
  return { parameter: b.sub(kept, update), m: nextM, v: nextV };
}
