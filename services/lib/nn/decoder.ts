// Emits the decoder's forward pass: RMSNorm, rotary positions, grouped-query attention, SwiGLU. Knows #onnx, never #autodiff.
//
// Shapes: B sequences, T positions each, N = B*T, C hidden, H heads, J key-value heads, G = H/J queries to a key, D head
// width, F intermediate, V vocabulary. Activations stay two-dimensional [N, C] between attentions, and every projection is
// Gemm(x, W, transB=1) on the checkpoint's own [out, in] layout, so that both of its gradients are single Gemms too.
import type { GraphBuilder, Value } from '#onnx';
import { type AttentionGeometry, dynamicGeometry, emitAttention, staticGeometry } from './attention.js';
import type { DecoderConfig } from './config.js';
import { fusedRmsNorm, type ParameterLookup, plainRmsNorm, project, type RmsNorm } from './layers.js';

export interface DecoderOutputs {
  /** After the final norm. */
  readonly hidden_NC: Value;
  readonly logits_NV: Value;
}

/**
 * The decoder with fixed sizes, for training and scoring. Row n of the outputs is sequence floor(n / length), position n % length.
 * @param inputs.inputIds_BT int64 [batch, length], every id below vocabSize.
 */
export function emitDecoder(
  b: GraphBuilder,
  config: DecoderConfig,
  inputs: {
    readonly inputIds_BT: Value;
    readonly parameter: ParameterLookup;
    readonly batch: number;
    readonly length: number;
  },
): DecoderOutputs {
  const { inputIds_BT, parameter, batch, length } = inputs;
  const geometry = b.scope('shared', () => staticGeometry(b, config, batch, length));
  const sizes = { ids: b.ints([batch * length]), byTime: b.ints([length, batch, config.hiddenSize]) };
  return emitBlocks(b, config, inputIds_BT, parameter, geometry, fusedRmsNorm, sizes);
}

/**
 * The decoder with free batch and sequence sizes, for export.
 * @param inputs.inputIds int64 [batch, sequence]
 * @param inputs.attentionMask int64 [batch, sequence], 1 for a token and 0 for padding, which is never attended to. Rotary
 * positions are relative, so padding on the left needs no position ids.
 * @returns logits float32 [batch, sequence, vocab]
 */
export function emitDecoderDynamic(
  b: GraphBuilder,
  config: DecoderConfig,
  inputs: { readonly inputIds: Value; readonly attentionMask?: Value; readonly parameter: ParameterLookup },
): { readonly logits: Value } {
  const { inputIds, attentionMask, parameter } = inputs;
  const geometry = b.scope('shared', () => dynamicGeometry(b, config, inputIds, attentionMask));
  const idsShape = b.op('Shape', [inputIds]);
  const size = (axis: number): Value => b.slice(idsShape, 0, axis, axis + 1);
  const byTime = b.concat([size(1), size(0), b.ints([config.hiddenSize])], 0);
  const sizes = { ids: b.ints([-1]), byTime };
  const { logits_NV } = emitBlocks(b, config, inputIds, parameter, geometry, plainRmsNorm, sizes);
  const shape = b.concat([idsShape, b.ints([config.vocabSize])], 0);
  return { logits: b.op('Reshape', [logits_NV, shape]) };
}

function emitBlocks(
  b: GraphBuilder,
  config: DecoderConfig,
  ids_BT: Value,
  parameter: ParameterLookup,
  geometry: AttentionGeometry,
  rmsNorm: RmsNorm,
  /** [N] and [T, B, C] */
  sizes: { readonly ids: Value; readonly byTime: Value },
): DecoderOutputs {
  const embedding_VC = parameter('model.embed_tokens.weight');
  // Rows go by time, then sequence, from here to the head; see AttentionGeometry.
  let x_NC = b.scope('embed', () => {
    const ids_N = b.op('Reshape', [b.transpose(ids_BT, [1, 0]), sizes.ids]);
    return b.gather(embedding_VC, ids_N, 0);
  });
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    const own: ParameterLookup = (name) => parameter(`${at}.${name}`);
    x_NC = b.scope(`layer${layer}/attention`, () => {
      const normed_NC = rmsNorm(b, x_NC, own('input_layernorm.weight'), config.rmsNormEps);
      return emitAttention(b, config, normed_NC, x_NC, own, geometry, rmsNorm);
    });
    x_NC = b.scope(`layer${layer}/mlp`, () => {
      const normed_NC = rmsNorm(b, x_NC, own('post_attention_layernorm.weight'), config.rmsNormEps);
      return emitSwiGlu(b, normed_NC, x_NC, own);
    });
  }
  return b.scope('head', () => {
    const normed_NC = rmsNorm(b, x_NC, parameter('model.norm.weight'), config.rmsNormEps);
    const bySequence = b.transpose(b.op('Reshape', [normed_NC, sizes.byTime]), [1, 0, 2]);
    const hidden_NC = b.reshape(bySequence, [-1, config.hiddenSize]);
    const head_VC = config.tieEmbeddings ? embedding_VC : parameter('lm_head.weight');
    return { hidden_NC, logits_NV: project(b, hidden_NC, head_VC) };
  });
}

/** x + down(silu(gate(h)) * up(h)), with silu(z) = z * sigmoid(z). */
function emitSwiGlu(b: GraphBuilder, h_NC: Value, x_NC: Value, own: ParameterLookup): Value {
  const gate_NF = project(b, h_NC, own('mlp.gate_proj.weight'));
  const up_NF = project(b, h_NC, own('mlp.up_proj.weight'));
  const active_NF = b.mul(gate_NF, b.sigmoid(gate_NF));
  return b.add(x_NC, project(b, b.mul(active_NF, up_NF), own('mlp.down_proj.weight')));
}
