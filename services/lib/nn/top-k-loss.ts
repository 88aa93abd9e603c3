// Cross-entropy plus forward KL on top-k targets at temperature 1, with the gradient of the logits worked out by hand.
//
// Let z be a position's logits, q = softmax(z), y its label, S the listed ids with teacher probabilities p_i, and
//   pTail = 1 - sum_S p_i,  Q = sum_S q_i,  qTail = 1 - Q,  ce = -log q_y,
//   kl = sum_S p_i (log p_i - log q_i) + pTail (log pTail - log max(qTail, eps)).
// With d log q_i / dz_j = [i=j] - q_j and d qTail / dz_j = -(q_j [j in S] - Q q_j):
//   d ce / dz_j = q_j - [j=y]
//   d kl / dz_j = sum_S p_i q_j - p_j [j in S] + r (q_j [j in S] - Q q_j),
//                 r = pTail / qTail, or 0 where the clamp holds (a constant has no derivative)
//               = (1 - pTail - r Q) q_j + (r q_j - p_j) [j in S].
// So, with the position's weight w and gamma g, the gradient is a row factor times q plus K + 1 sparse entries:
//   dz_j = w (1 + g (1 - pTail - r Q)) q_j + w g (r q_j - p_j) [j in S] - w [j=y].
// Passes over [N, V]: Softmax, two ReduceMax (the exact log-sum-exp), one Mul by the row factor, one ScatterElements.
import type { GraphBuilder, Value } from '#onnx';
import { type TopKTargetValues, tailTerm, teacherEntries } from './divergence.js';
import { type LossInputs, type LossOutputs, MIN_TAIL } from './objective.js';

/** @param targets undefined: cross-entropy only. Temperature is 1 and the direction forward, so gamma is the KL's whole factor. */
export function emitTopKLoss(
  b: GraphBuilder,
  inputs: LossInputs,
  targets: TopKTargetValues | undefined,
): LossOutputs {
  const { logits_NV, labels_N, weights_N, objective } = inputs;
  return b.scope('loss', () => {
    const q_NV = b.softmax(logits_NV, -1);
    // log sum_j exp z_j = max z - log max q, because max q = exp(max z) / sum_j exp z_j; max q >= 1/V never underflows.
    const logSum_N1 = b.sub(b.reduceMax(logits_NV, [1]), b.log(b.reduceMax(q_NV, [1])));
    const labels_N1 = b.unsqueeze(labels_N, [1]);
    const weights_N1 = b.unsqueeze(weights_N, [1]);
    const logQ = (ids: Value): Value => b.sub(b.gatherElements(logits_NV, ids, 1), logSum_N1);
    const ce_N1 = b.neg(logQ(labels_N1));

    const kl = targets && emitKl(b, targets, logQ(targets.ids_NK));
    const gamma = b.scalar(objective.gamma);
    const perPosition_N1 = kl === undefined ? ce_N1 : b.add(ce_N1, b.mul(kl.kl_N1, gamma));
    const loss = b.reduceSum(b.mul(perPosition_N1, weights_N1), [0, 1], false);

    const rowFactor_N1 =
      kl === undefined ? weights_N1 : b.mul(weights_N1, b.add(b.mul(kl.rowFactor_N1, gamma), b.scalar(1)));
    const scaled_NV = b.mul(q_NV, rowFactor_N1);
    const atLabel_N1 = b.neg(weights_N1);
    const gradient =
      kl === undefined || targets === undefined
        ? b.scatterElements(scaled_NV, labels_N1, atLabel_N1, 1, 'add')
        : b.scatterElements(
            scaled_NV,
            b.concat([targets.ids_NK, labels_N1], 1),
            b.concat([b.mul(kl.listed_NK, b.mul(weights_N1, gamma)), atLabel_N1], 1),
            1,
            'add',
          );
    return {
      loss,
      ce_N: b.squeeze(ce_N1, [1]),
      kl_N: kl === undefined ? b.mul(b.squeeze(ce_N1, [1]), b.scalar(0)) : b.squeeze(kl.kl_N1, [1]),
      seeds: [{ value: logits_NV, gradient }],
    };
  });
}

interface KlWithGradient {
  readonly kl_N1: Value;
  /** 1 - pTail - r Q: multiplies q. */
  readonly rowFactor_N1: Value;
  /** r q_i - p_i, 0 for padding: added at the listed ids. */
  readonly listed_NK: Value;
}

function emitKl(b: GraphBuilder, targets: TopKTargetValues, logQ_NK: Value): KlWithGradient {
  const { p_NK, logP_NK, kept_NK, tail_N1: pTail_N1 } = teacherEntries(b, targets.logProbs_NK);
  const q_NK = b.mul(b.exp(logQ_NK), kept_NK);
  const listedQ_N1 = b.reduceSum(q_NK, [1]);
  const one = b.scalar(1);
  const qTail_N1 = b.sub(one, listedQ_N1);
  const listed_N1 = b.reduceSum(b.mul(p_NK, b.sub(logP_NK, logQ_NK)), [1]);
  const kl_N1 = b.add(listed_N1, tailTerm(b, pTail_N1, qTail_N1));

  const eps = b.scalar(MIN_TAIL);
  const open_N1 = b.cast(b.greater(qTail_N1, eps), 'float32');
  const r_N1 = b.mul(b.div(pTail_N1, b.maximum(qTail_N1, eps)), open_N1);
  // 1 - pTail is the sum of p except where rounding took it past one; the derivation needs that sum itself.
  const sumP_N1 = b.reduceSum(p_NK, [1]);
  return {
    kl_N1,
    rowFactor_N1: b.sub(sumP_N1, b.mul(r_N1, listedQ_N1)),
    listed_NK: b.sub(b.mul(r_N1, q_NK), p_NK),
  };
}
