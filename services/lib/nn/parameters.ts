// The decoder's parameters: Hugging Face names and layouts, which of them decay, and how they start.
import { keyedNormals } from '#base';
import type { DecoderConfig } from './config.js';

export interface ParameterSpec {
  /** As in a Hugging Face checkpoint, for example model.layers.0.self_attn.q_proj.weight. */
  readonly name: string;
  /** Matrices are [out, in]. */
  readonly shape: readonly number[];
  /** Whether AdamW's weight decay applies: matrices yes, norms and biases no. */
  readonly decay: boolean;
  readonly init:
    | { readonly kind: 'normal'; readonly std: number }
    | { readonly kind: 'ones' }
    | { readonly kind: 'zeros' };
}

/** Every parameter once, in the order of the forward pass. A tied head has no parameter of its own. */
export function decoderParameters(config: DecoderConfig): readonly ParameterSpec[] {
  const { hiddenSize: C, intermediateSize: F, vocabSize: V, headDim: D, initializerRange: std } = config;
  const Q = config.heads * D;
  const KV = config.kvHeads * D;
  const matrix = (name: string, out: number, into: number): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [out, into],
    decay: true,
    init: { kind: 'normal', std },
  });
  const norm = (name: string, size: number): ParameterSpec => ({
    name: `${name}.weight`,
    shape: [size],
    decay: false,
    init: { kind: 'ones' },
  });
  const bias = (present: boolean | undefined, name: string, size: number): ParameterSpec[] =>
    present ? [{ name: `${name}.bias`, shape: [size], decay: false, init: { kind: 'zeros' } }] : [];

  const layer = (index: number): ParameterSpec[] => {
    const at = `model.layers.${index}`;
    return [
      norm(`${at}.input_layernorm`, C),
      matrix(`${at}.self_attn.q_proj`, Q, C),
      ...bias(config.qkvBias, `${at}.self_attn.q_proj`, Q),
      matrix(`${at}.self_attn.k_proj`, KV, C),
      ...bias(config.qkvBias, `${at}.self_attn.k_proj`, KV),
      matrix(`${at}.self_attn.v_proj`, KV, C),
      ...bias(config.qkvBias, `${at}.self_attn.v_proj`, KV),
      ...(config.qkNorm ? [norm(`${at}.self_attn.q_norm`, D), norm(`${at}.self_attn.k_norm`, D)] : []),
      matrix(`${at}.self_attn.o_proj`, C, Q),
      ...bias(config.outputBias, `${at}.self_attn.o_proj`, C),
      norm(`${at}.post_attention_layernorm`, C),
      matrix(`${at}.mlp.gate_proj`, F, C),
      matrix(`${at}.mlp.up_proj`, F, C),
      matrix(`${at}.mlp.down_proj`, C, F),
    ];
  };
  return [
    matrix('model.embed_tokens', V, C),
    ...Array.from({ length: config.layers }, (_, index) => layer(index)).flat(),
    norm('model.norm', C),
    ...(config.tieEmbeddings ? [] : [matrix('lm_head', V, C)]),
  ];
}

export function parameterCount(config: DecoderConfig): number {
  return decoderParameters(config).reduce((sum, spec) => sum + spec.shape.reduce((a, b) => a * b, 1), 0);
}

/** Starting values, keyed by the parameter's name: the same wherever and in whatever order they are made. */
export function initialParameter(spec: ParameterSpec, seed: number): Float32Array {
  const count = spec.shape.reduce((a, b) => a * b, 1);
  switch (spec.init.kind) {
    case 'normal':
      return keyedNormals(seed, `init/${spec.name}`, count, spec.init.std);
    case 'ones':
      return new Float32Array(count).fill(1);
    case 'zeros':
      return new Float32Array(count);
  }
}
