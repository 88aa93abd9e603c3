// The state of training: which tensors there are, and under which names the step program reads and writes them.
import { type DecoderConfig, decoderParameters } from '#nn';

const stateRoles = ['parameter', 'm', 'v'] as const;
/** A parameter, or one of AdamW's two moments of it. */
export type StateRole = (typeof stateRoles)[number];

export interface StateTensor {
  /** The parameter's Hugging Face name, also for its moments. */
  readonly name: string;
  readonly role: StateRole;
  readonly shape: readonly number[];
  readonly dtype: 'float32';
  /** Whether weight decay applies to the parameter. */
  readonly decay: boolean;
  /** The program's input that holds the tensor before the step. */
  readonly input: string;
  /** The program's output that holds it after. */
  readonly output: string;
}

/** Parameters first, in the order of the forward pass, then first and second moments in the same order. */
export function stateTensors(config: DecoderConfig): readonly StateTensor[] {
  return stateRoles.flatMap((role) =>
    decoderParameters(config).map(({ name, shape, decay }): StateTensor => {
      return {
        name,
        role,
        shape,
        dtype: 'float32',
        decay,
        input: `${role}.${name}`,
        output: `next.${role}.${name}`,
      };
    }),
  );
}

/** The program's other inputs and outputs. M micro-batches, B rows, T positions, K listed entries, V vocabulary. */
export const stepInputs = {
  /** int32 [M, B * T] */
  inputIds: 'input_ids',
  /** int32 [M, B * T] */
  labels: 'labels',
  /** float32 [M, B * T]: 1 / (counted positions of the step), or 0. */
  weights: 'weights',
  /** int32 [M, B * T, K] */
  teacherIds: 'teacher_ids',
  /** float32 [M, B * T, K], or [M, B * T, V] for dense targets. */
  teacherLogProbs: 'teacher_log_probs',
  /** float32 [] */
  learningRate: 'learning_rate',
  /** float32 []: 1 - beta^t. */
  biasCorrection1: 'bias_correction_1',
  biasCorrection2: 'bias_correction_2',
} as const;

export const stepOutputs = {
  /** float32 [M * B * T] nats, not weighted. */
  ce: 'ce',
  /** float32 [M * B * T] nats, not weighted. */
  kl: 'kl',
  /** float32 []: before clipping. */
  gradientNorm: 'gradient_norm',
} as const;
