// What a training step minimises, and the forms in which the teacher's distribution reaches it.
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

/** exp of this is still a normal float32; anything below is treated as probability zero. */
export const PADDING_LOG_PROB = -80;

/**
 * Where a tail probability is a divisor or the argument of a logarithm it is at least this: 1 minus a float32 sum has an
 * absolute error near 6e-8, so smaller tails are noise. Value and gradient use the same clamp.
 */
export const MIN_TAIL = 1e-6;
