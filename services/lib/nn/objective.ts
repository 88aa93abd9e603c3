// What a training step minimises: the objective, the forms in which the teacher's distribution reaches it, and what the loss
// takes and gives. N positions, V vocabulary, K listed entries.
import type { Value } from '#onnx';

/** Loss of a position = cross-entropy + gamma * [temperature^2] * KL; gamma 0.2, temperature 1 and no square is the paper's Eq. 3. */
export interface Objective {
  readonly gamma: number;
  /** Divides the student's logits inside the KL. The targets hold the teacher's distribution at this temperature already. */
  readonly temperature: number;
  /** Multiplies the KL by temperature^2, so that its gradient keeps its size when the temperature changes. */
  readonly temperatureSquared: boolean;
  /** forward: KL(teacher || student). reverse: KL(student || teacher). */
  readonly direction: 'forward' | 'reverse';
}

/**
 * The teacher's distribution at every position. With top_k, the probability not listed is one more bucket, the tail, on both
 * sides: 1 minus the sum over the listed ids. An entry whose log-probability is below minus 80 or -inf is padding: it counts on
 * neither side, whatever its id (which must lie in the vocabulary). Other ids of one position must differ from each other.
 */
export type TeacherTargets =
  | { readonly kind: 'none' }
  | { readonly kind: 'dense'; readonly logProbs_NV: Value }
  | { readonly kind: 'top_k'; readonly ids_NK: Value; readonly logProbs_NK: Value };

export interface LossInputs {
  readonly logits_NV: Value;
  /** int64 [N], each below V, also where the weight is 0. */
  readonly labels_N: Value;
  /** float32 [N]: 1 / (counted positions of the whole step) where the position counts, else 0. */
  readonly weights_N: Value;
  readonly targets: TeacherTargets;
  readonly objective: Objective;
}

export interface LossOutputs {
  /** Scalar: sum over N of weight * (ce + gamma * [temperature^2] * kl). */
  readonly loss: Value;
  /** [N] nats, not weighted; positions with weight 0 have a value too. */
  readonly ce_N: Value;
  /** [N] nats, not weighted, without gamma or temperature^2; zeros without targets. */
  readonly kl_N: Value;
  /** Where differentiation starts: the loss itself, or the logits with their gradient already worked out. */
  readonly seeds: readonly { readonly value: Value; readonly gradient: Value }[];
}

/** exp of this is still a normal float32; anything below is treated as probability zero. */
export const PADDING_LOG_PROB = -80;

/**
 * Where a tail probability is a divisor or the argument of a logarithm it is at least this: 1 minus a float32 sum has an
 * absolute error near 6e-8, so smaller tails are noise. Value and gradient use the same clamp.
 */
export const MIN_TAIL = 1e-6;
