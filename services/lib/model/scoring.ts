// Graphs that score windows of fixed size: the decoder, and on top of it what the caller wants to know.
//
// Shapes: B windows, T positions, N = B*T, C hidden, V vocabulary, K kept entries.
import { DdkError } from '#base';
import { type DecoderConfig, emitDecoder } from '#nn';
import { eliminateDeadNodes, encodeModel, GraphBuilder, type Value } from '#onnx';
import { externalParameters } from './parameters.js';
import { commonFolder, type Weights } from './weights.js';

/** `temperature` divides the logits before the softmax; 1 unless given. */
export type ScoringHead =
  /** Outputs ids int32 and log_probs float32, [B, T, K]: the k most probable tokens, in descending order. */
  | { readonly kind: 'top_k'; readonly k: number; readonly temperature?: number }
  /** Output log_probs float32 [B, T, V]. */
  | { readonly kind: 'dense'; readonly temperature?: number }
  /** Further input labels int64 [B, T]; output label_log_probs float32 [B, T], the log-probability of each label. */
  | { readonly kind: 'label_log_probs' }
  /** Further input position int64 [B], from 0; output logits float32 [B, V] at that position of each window. */
  | { readonly kind: 'last_logits' }
  /** Output logits float32 [B, T, V]. */
  | { readonly kind: 'logits' };

export interface ScoringOptions {
  readonly config: DecoderConfig;
  readonly weights: Weights;
  /** B */
  readonly batch: number;
  /** T, at most the model's positions. */
  readonly length: number;
  readonly head: ScoringHead;
}

export interface ScoringModel {
  /** The graph; a few hundred KiB. */
  readonly bytes: Uint8Array;
  /** Where the session finds the weights (SessionOptions.externalDataFolder). */
  readonly externalDataFolder: string;
}

/**
 * A graph with input input_ids int64 [B, T] (every id below vocab_size; attention is causal, so padding goes on the
 * right) and the head's inputs and outputs. Full logits stay inside unless they are asked for.
 *
 * @throws DdkError invalid_argument for sizes that do not fit the model
 */
export function scoringModel(options: ScoringOptions): ScoringModel {
  const { config, weights, batch, length, head } = options;
  checkSizes(options);
  const b = new GraphBuilder('scoring');
  const inputIds_BT = b.input('input_ids', 'int64', [batch, length]);
  const parameter = externalParameters(b, weights);
  const { hidden_NC, logits_NV } = emitDecoder(b, config, { inputIds_BT, parameter, batch, length });
  const shaped = (value: Value, last: number): Value => b.reshape(value, [batch, length, last]);
  switch (head.kind) {
    case 'top_k': {
      const [logProbs_NK, ids_NK] = b.topK(logProbabilities(b, logits_NV, head.temperature), head.k, -1);
      b.output('ids', shaped(b.cast(ids_NK, 'int32'), head.k));
      b.output('log_probs', shaped(logProbs_NK, head.k));
      break;
    }
    case 'dense':
      b.output('log_probs', shaped(logProbabilities(b, logits_NV, head.temperature), config.vocabSize));
      break;
    case 'label_log_probs': {
      const labels_BT = b.input('labels', 'int64', [batch, length]);
      const labels_N1 = b.reshape(labels_BT, [batch * length, 1]);
      const picked_N1 = b.gatherElements(logProbabilities(b, logits_NV, 1), labels_N1, 1);
      b.output('label_log_probs', b.reshape(picked_N1, [batch, length]));
      break;
    }
    case 'last_logits': {
      const position_B = b.input('position', 'int64', [batch]);
      const firstRows = Array.from({ length: batch }, (_, i) => i * length);
      const rows_B = b.add(position_B, b.ints(firstRows));
      const head_VC = parameter(config.tieEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');
      b.output('logits', b.gemm(b.gather(hidden_NC, rows_B, 0), head_VC, null, { transB: true }));
      break;
    }
    case 'logits':
      b.output('logits', shaped(logits_NV, config.vocabSize));
      break;
  }
  return { bytes: encodeModel(eliminateDeadNodes(b.build())), externalDataFolder: commonFolder(weights) };
}

function logProbabilities(b: GraphBuilder, logits_NV: Value, temperature = 1): Value {
  return b.logSoftmax(temperature === 1 ? logits_NV : b.mul(logits_NV, 1 / temperature), -1);
}

function checkSizes({ config, batch, length, head }: ScoringOptions): void {
  const positive = (name: string, value: number, most: number): void => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return;
    throw new DdkError('invalid_argument', `${name} is ${value}; it must be from 1 to ${most}.`);
  };
  positive('batch', batch, 2 ** 16);
  positive('length', length, config.maxPositions);
  if (head.kind === 'top_k') positive('k', head.k, config.vocabSize);
  const temperature = 'temperature' in head ? (head.temperature ?? 1) : 1;
  if (!(temperature > 0) || !Number.isFinite(temperature)) {
    throw new DdkError('invalid_argument', `temperature is ${temperature}; it must be a positive number.`);
  }
}
