// One AdamW update with decoupled decay, as graph; state in, new state out.
import type { GraphBuilder, Value } from '#onnx';

export interface AdamWState {
  readonly parameter: Value;
  readonly gradient: Value;
  /** First moment (torch: exp_avg), of the parameter's shape. */
  readonly m: Value;
  /** Second moment in units of {@link secondMomentUnit} (exp_avg_sq divided by it), of the parameter's shape. */
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
 * What the second moment is counted in: exp_avg_sq = v * (1 - beta2) / (1 - beta1)^2. Then what is new in v is the square
 * of what is new in m, which saves a pass over the parameter's size.
 */
export function secondMomentUnit({ beta1, beta2 }: Pick<AdamWHyper, 'beta1' | 'beta2'>): number {
  return (1 - beta2) / (1 - beta1) ** 2;
}

/**
 * torch.optim.AdamW's update of the gradient s g, with c1 = 1 - beta1^t, c2 = 1 - beta2^t and u the second moment's unit:
 *   m' = beta1 m + f,  v' = beta2 v + f^2,  f = (1 - beta1) s g,
 *   p' = (1 - lr wd) p - lr (m' / c1) / (sqrt(u v' / c2) + eps)
 *      = (1 - lr wd) p - (lr / (c1 r)) m' / (sqrt(v') + eps / r),  r = sqrt(u / c2).
 * The last form leaves 12 passes over the parameter's size (11 without decay): 3 for m', 3 for v', 6 (5) for p'.
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
  const root = b.sqrt(b.div(b.scalar(secondMomentUnit(hyper)), biasCorrection2));
  const stepSize = b.div(learningRate, b.mul(biasCorrection1, root));
  const stabiliser = b.div(b.scalar(epsilon), root);

  const fresh = b.mul(gradient, b.mul(clipScale, b.scalar(1 - beta1)));
  const nextM = b.add(b.mul(m, b.scalar(beta1)), fresh);
  const nextV = b.add(b.mul(v, b.scalar(beta2)), b.mul(fresh, fresh));
  const update = b.mul(b.div(nextM, b.add(b.sqrt(nextV), stabiliser)), stepSize);
  const kept =
    decay && weightDecay !== 0
      ? b.mul(parameter, b.sub(b.scalar(1), b.mul(learningRate, b.scalar(weightDecay))))
      : parameter;
  return { parameter: b.sub(kept, update), m: nextM, v: nextV };
}
