// Cross-entropy plus KL to the teacher, as graph. N positions, V vocabulary, K listed entries; _N1 is [N, 1].
import type { GraphBuilder, Value } from '#onnx';
import { denseKl, logProbabilities, topKKl } from './divergence.js';
import type { LossInputs, LossOutputs, Objective, TeacherTargets } from './objective.js';
import { emitTopKLoss } from './top-k-loss.js';

/**
 * The loss of a step. Nothing is hidden: a NaN or infinity in the logits or targets reaches loss, ce_N or kl_N.
 * Plain cross-entropy, and forward KL on top-k targets at temperature 1, come with the gradient of the logits worked out by hand;
 * the other combinations are plain formulas for automatic differentiation.
 */
export function emitLoss(b: GraphBuilder, inputs: LossInputs): LossOutputs {
  const { targets, objective } = inputs;
  switch (targets.kind) {
    case 'none':
      return emitTopKLoss(b, inputs, undefined);
    case 'top_k':
      if (objective.direction === 'forward' && objective.temperature === 1)
        return emitTopKLoss(b, inputs, targets);
      return emitPlainLoss(b, inputs);
    case 'dense':
      return emitPlainLoss(b, inputs);
  }
}

/** The same loss as formulas only, for any targets and objective; emitLoss falls back to it, tests compare against it. */
export function emitPlainLoss(b: GraphBuilder, inputs: LossInputs): LossOutputs {
  const { logits_NV, labels_N, weights_N, targets, objective } = inputs;
  return b.scope('loss', () => {
    const logQ_NV = logProbabilities(b, logits_NV);
    const ce_N = b.squeeze(b.neg(b.gatherElements(logQ_NV, b.unsqueeze(labels_N, [1]), 1)), [1]);
    const kl_N = plainKl(b, logits_NV, logQ_NV, targets, objective);
    const factor = klFactor(objective);
    const total_N = kl_N === undefined ? ce_N : b.add(ce_N, b.mul(kl_N, b.scalar(factor)));
    const loss = b.reduceSum(b.mul(total_N, weights_N), [0], false);
    return {
      loss,
      ce_N,
      kl_N: kl_N ?? b.mul(ce_N, b.scalar(0)),
      seeds: [{ value: loss, gradient: b.scalar(1) }],
    };
  });
}

function plainKl(
  b: GraphBuilder,
  logits_NV: Value,
  logQ_NV: Value,
  targets: TeacherTargets,
  { temperature, direction }: Objective,
): Value | undefined {
  if (targets.kind === 'none') return undefined;
  const tempered = temperature === 1 ? logQ_NV : logProbabilities(b, b.div(logits_NV, b.scalar(temperature)));
  return targets.kind === 'dense'
    ? denseKl(b, targets.logProbs_NV, tempered, direction)
    : topKKl(b, targets, b.gatherElements(tempered, targets.ids_NK, 1), direction);
}

/** What the KL of a position is multiplied with. */
export function klFactor({ gamma, temperature, temperatureSquared }: Objective): number {
  return temperatureSquared ? gamma * temperature * temperature : gamma;
}
