// The shape of a decoder, and reading it from a Hugging Face config.json. Knows only #base.
import { DdkError, type Violation } from '#base';

/** Model families whose arithmetic the built-in decoder has. All are RMSNorm, rotary positions, grouped queries, SwiGLU. */
export type DecoderFamily = 'llama' | 'mistral' | 'qwen2' | 'qwen3';

/** Everything that determines the decoder's graph and its parameters. Sizes are counts of elements. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Divides heads; equal to heads without grouped queries. */
  readonly kvHeads: number;
  /** Even, because rotary positions turn pairs. */
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** Longest sequence the model was made for; a sliding window counts as this limit. */
  readonly maxPositions: number;
  readonly tieEmbeddings: boolean;
  /** Standard deviation of freshly initialised matrices. */
  readonly initializerRange: number;
  readonly eosTokenId?: number;
  readonly bosTokenId?: number;
  /** What the configuration is written as; absent means llama. */
  readonly family?: DecoderFamily;
  /** Biases on the query, key and value projections; absent means none. */
  readonly qkvBias?: boolean;
  /** Bias on the attention's output projection; absent means none. */
  readonly outputBias?: boolean;
  /** RMSNorm over each head's queries and keys, before the rotation; absent means none. */
  readonly qkNorm?: boolean;
}

// Larger than any published decoder; keeps products of sizes far from 2^53.
const MAX_SIZE = 2 ** 24;
const FAMILIES: readonly DecoderFamily[] = ['llama', 'mistral', 'qwen2', 'qwen3'];

/**
 * Reads a Hugging Face config.json.
 * @param where names the file in messages.
 * @throws DdkError invalid_argument with one violation for each problem; features whose arithmetic is not implemented
 * (scaled rotary positions, other activations, MLP biases) are problems too, never ignored.
 */
export function parseDecoderConfig(json: unknown, where: string): DecoderConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new DdkError('invalid_argument', `${where}: expected a JSON object with a model configuration.`);
  }
  const fields = new Fields(json as Readonly<Record<string, unknown>>);
  const family = fields.choice('model_type', FAMILIES);
  const qwen = family === 'qwen2' || family === 'qwen3';
  const hiddenSize = fields.size('hidden_size');
  const heads = fields.size('num_attention_heads');
  const kvHeads = fields.size('num_key_value_heads', family === 'qwen2' ? 32 : heads);
  const headDim = fields.size(
    'head_dim',
    family === 'qwen3' ? 128 : Math.max(1, Math.floor(hiddenSize / heads)),
  );
  const attentionBias = fields.flag('attention_bias', false);
  const maxPositions = fields.size('max_position_embeddings', 2048);
  const slidingWindow = slidingWindowOf(fields, family);
  const eosTokenId = fields.tokenId('eos_token_id');
  const bosTokenId = fields.tokenId('bos_token_id');
  const config: DecoderConfig = {
    family,
    vocabSize: fields.size('vocab_size'),
    hiddenSize,
    intermediateSize: fields.size('intermediate_size'),
    layers: fields.size('num_hidden_layers'),
    heads,
    kvHeads,
    headDim,
    rmsNormEps: fields.positive('rms_norm_eps', 1e-6),
    ropeTheta: ropeThetaOf(fields),
    maxPositions: slidingWindow === undefined ? maxPositions : Math.min(maxPositions, slidingWindow),
    tieEmbeddings: fields.flag('tie_word_embeddings', false),
    // qwen2 always has biases on q, k and v and has no setting for them; the others have one setting for all four.
    qkvBias: family === 'qwen2' || attentionBias,
    outputBias: !qwen && attentionBias,
    qkNorm: family === 'qwen3',
    initializerRange: fields.positive('initializer_range', 0.02),
    ...(eosTokenId === undefined ? {} : { eosTokenId }),
    ...(bosTokenId === undefined ? {} : { bosTokenId }),
  };
  if (family === 'qwen3' && attentionBias)
    fields.refuse('attention_bias', 'is not supported for qwen3; remove it');
  if (heads % kvHeads !== 0) {
    fields.refuse(
      'num_key_value_heads',
      `is ${kvHeads} and must divide num_attention_heads, which is ${heads}`,
    );
  }
  if (headDim % 2 !== 0 && !fields.refused('head_dim', 'hidden_size', 'num_attention_heads')) {
    fields.refuse('head_dim', `is ${headDim} and must be even: rotary positions turn pairs of elements`);
  }
  fields.only('hidden_act', ['silu', 'swish'], 'silu');
  fields.only('mlp_bias', [false], false);
  fields.only('partial_rotary_factor', [1], 1);
  fields.done(where);
  return config;
}

/** The inverse of parseDecoderConfig; transformers loads the result with AutoModelForCausalLM. */
export function decoderConfigJson(config: DecoderConfig): Readonly<Record<string, unknown>> {
  const family = config.family ?? 'llama';
  const architectures: Readonly<Record<DecoderFamily, string>> = {
    llama: 'LlamaForCausalLM',
    mistral: 'MistralForCausalLM',
    qwen2: 'Qwen2ForCausalLM',
    qwen3: 'Qwen3ForCausalLM',
  };
  return {
    architectures: [architectures[family]],
    model_type: family,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    max_position_embeddings: config.maxPositions,
    tie_word_embeddings: config.tieEmbeddings,
    attention_bias: config.outputBias ?? false,
    ...(family === 'mistral' ? { sliding_window: null } : {}),
    ...(family === 'qwen2' || family === 'qwen3' ? { use_sliding_window: false } : {}),
    initializer_range: config.initializerRange,
    ...(config.eosTokenId === undefined ? {} : { eos_token_id: config.eosTokenId }),
    ...(config.bosTokenId === undefined ? {} : { bos_token_id: config.bosTokenId }),
    torch_dtype: 'float32',
  };
}

/** Newer files keep the base of the rotation in rope_parameters, older ones beside everything else. */
function ropeThetaOf(fields: Fields): number {
  for (const field of ['rope_scaling', 'rope_parameters']) {
    const scaling = fields.object(field);
    const kind = scaling?.rope_type ?? scaling?.type ?? 'default';
    if (kind !== 'default')
      fields.refuse(
        field,
        `asks for ${JSON.stringify(kind)} rotary positions; only the default is supported, so take a model without scaled positions`,
      );
  }
  const nested = fields.object('rope_parameters')?.rope_theta;
  return fields.positive('rope_theta', typeof nested === 'number' ? nested : 10_000);
}

/** Full attention equals sliding-window attention up to the window's length, so the window only limits the length. */
function slidingWindowOf(fields: Fields, family: DecoderFamily): number | undefined {
  if (fields.has('sliding_window') && (family === 'mistral' || fields.flag('use_sliding_window', false))) {
    return fields.size('sliding_window');
  }
  return undefined;
}

/** Typed access to untrusted fields that collects every problem before it throws. */
class Fields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #violations: Violation[] = [];

  constructor(json: Readonly<Record<string, unknown>>) {
    this.#json = json;
  }

  has(field: string): boolean {
    return this.#json[field] !== undefined && this.#json[field] !== null;
  }

  /** Whether one of these has a problem, so that what follows from it is not worth a second one. */
  refused(...names: readonly string[]): boolean {
    return this.#violations.some(({ field }) => names.includes(field));
  }

  refuse(field: string, description: string): void {
    this.#violations.push({ field, description: `${field} ${description}` });
  }

  size(field: string, fallback?: number): number {
    const value = this.has(field) ? this.#json[field] : fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_SIZE) return value;
    this.refuse(field, `must be a whole number from 1 to ${MAX_SIZE}, not ${describe(value)}`);
    return 1;
  }

  positive(field: string, fallback: number): number {
    const value = this.has(field) ? this.#json[field] : fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    this.refuse(field, `must be a positive number, not ${describe(value)}`);
    return fallback;
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.has(field) ? this.#json[field] : fallback;
    if (typeof value === 'boolean') return value;
    this.refuse(field, `must be true or false, not ${describe(value)}`);
    return fallback;
  }

  choice<const T extends string>(field: string, choices: readonly T[]): T {
    const value = this.#json[field];
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    this.refuse(field, `must be one of ${choices.join(', ')}, not ${describe(value)}`);
    return choices[0] as T;
  }

  only(field: string, accepted: readonly unknown[], fallback: unknown): void {
    const value = this.has(field) ? this.#json[field] : fallback;
    if (!accepted.includes(value))
      this.refuse(field, `must be ${accepted.map(describe).join(' or ')}, not ${describe(value)}`);
  }

  object(field: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.#json[field];
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
    if (this.has(field)) this.refuse(field, `must be an object, not ${describe(value)}`);
    return undefined;
  }

  /** Some models list several end-of-text tokens; the first is the one to append between documents. */
  tokenId(field: string): number | undefined {
    const value = this.#json[field];
    const first: unknown = Array.isArray(value) ? value[0] : value;
    if (first === undefined || first === null) return undefined;
    if (typeof first === 'number' && Number.isInteger(first) && first >= 0 && first <= MAX_SIZE) return first;
    this.refuse(field, `must be a token id, not ${describe(value)}`);
    return undefined;
  }

  done(where: string): void {
    if (this.#violations.length === 0) return;
    const problems = this.#violations.map((violation) => violation.description).join('; ');
    throw new DdkError('invalid_argument', `${where}: ${problems}.`, { violations: this.#violations });
  }
}

function describe(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
}
