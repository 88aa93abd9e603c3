// KL divergences between the teacher's p and the student's q as plain formulas, [N]. Shape letters as in loss.ts.
import type { GraphBuilder, Value } from '#onnx';
import { MIN_TAIL, type Objective, PADDING_LOG_PROB, type TeacherTargets } from './objective.js';

export type TopKTargetValues = Extract<TeacherTargets, { kind: 'top_k' }>;

/** log softmax over the last axis, from operators that have a derivative everywhere. */
export function logProbabilities(b: GraphBuilder, logits_NV: Value): Value {
  return b.logSoftmax(logits_NV, -1);
}

/** The teacher's side of a comparison of K listed entries and a tail. */
export interface TeacherEntries {
  /** Probabilities, 0 for padding. */
  readonly p_NK: Value;
  /** Finite everywhere. */
  readonly logP_NK: Value;
  /** 1 for an entry, 0 for padding. */
  readonly kept_NK: Value;
  /** max(0, 1 - sum of p). */
  readonly tail_N1: Value;
}

export function teacherEntries(b: GraphBuilder, logProbs_NK: Value): TeacherEntries {
  const floor = b.scalar(PADDING_LOG_PROB);
  const kept_NK = b.cast(b.greater(logProbs_NK, floor), 'float32');
  const logP_NK = b.maximum(logProbs_NK, floor);
  const p_NK = b.mul(b.exp(logP_NK), kept_NK);
  // Rounding may take the sum a little above one: then there is no tail.
  const tail_N1 = b.relu(b.sub(b.scalar(1), b.reduceSum(p_NK, [1])));
  return { p_NK, logP_NK, kept_NK, tail_N1 };
}

/**
 * KL over K listed entries and one tail bucket.
 * forward = sum p_i log(p_i/q_i) + p_tail log(p_tail / max(q_tail, MIN_TAIL)); a teacher's tail of 0 contributes 0.
 * reverse = the same with p and q exchanged, so that there the clamp is on the teacher's tail.
 * @param logQ_NK the student's log-probabilities at the targets' ids.
 */
export function topKKl(
  b: GraphBuilder,
  targets: TopKTargetValues,
  logQ_NK: Value,
  direction: Objective['direction'],
): Value {
  const { p_NK, logP_NK, kept_NK, tail_N1: pTail_N1 } = teacherEntries(b, targets.logProbs_NK);
  const q_NK = b.mul(b.exp(logQ_NK), kept_NK);
  const qTail_N1 = b.relu(b.sub(b.scalar(1), b.reduceSum(q_NK, [1])));
  switch (direction) {
    case 'forward': {
      const listed_N1 = b.reduceSum(b.mul(p_NK, b.sub(logP_NK, logQ_NK)), [1]);
      return b.squeeze(b.add(listed_N1, tailTerm(b, pTail_N1, qTail_N1)), [1]);
    }
    case 'reverse': {
      const listed_N1 = b.reduceSum(b.mul(q_NK, b.sub(logQ_NK, logP_NK)), [1]);
      return b.squeeze(b.add(listed_N1, tailTerm(b, qTail_N1, pTail_N1)), [1]);
    }
  }
}

/** a * log(a / max(c, MIN_TAIL)), and 0 where a is 0. */
export function tailTerm(b: GraphBuilder, a_N1: Value, c_N1: Value): Value {
  // The smallest normal float32 keeps the logarithm finite where a is 0 and changes no other a that float32 tells from 0.
  const logA = b.log(b.maximum(a_N1, b.scalar(1.2e-38)));
  return b.mul(a_N1, b.sub(logA, b.log(b.maximum(c_N1, b.scalar(MIN_TAIL)))));
}

/** KL over the whole vocabulary. A teacher's probability of exactly zero counts as exp(PADDING_LOG_PROB) where it divides. */
export function denseKl(
  b: GraphBuilder,
  logProbs_NV: Value,
  logQ_NV: Value,
  direction: Objective['direction'],
): Value {
  const logP_NV = b.maximum(logProbs_NV, b.scalar(PADDING_LOG_PROB));
  switch (direction) {
    case 'forward':
      return b.reduceSum(b.mul(b.exp(logP_NV), b.sub(logP_NV, logQ_NV)), [1], false);
    case 'reverse':
      return b.reduceSum(b.mul(b.exp(logQ_NV), b.sub(logQ_NV, logP_NV)), [1], false);
  }
}
