import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import {
  decoderConfigJson,
  decoderParameters,
  initialParameter,
  parameterCount,
  parseDecoderConfig,
} from '#nn';

const tinyLlama = {
  model_type: 'llama',
  vocab_size: 32000,
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  eos_token_id: 2,
  bos_token_id: 1,
  tie_word_embeddings: false,
  rope_theta: 10000,
  hidden_act: 'silu',
};

function problemsOf(json: unknown): string[] {
  try {
    parseDecoderConfig(json, 'config.json');
  } catch (error) {
    assert.ok(error instanceof DdkError);
    assert.equal(error.code, 'invalid_argument');
    assert.ok(error.message.includes('config.json'));
    return error.violations.map(({ field }) => field);
  }
  return [];
}

test('a published configuration is read, with the family defaults for what it leaves out', () => {
  const config = parseDecoderConfig(tinyLlama, 'config.json');
  assert.equal(config.headDim, 64);
  assert.equal(config.kvHeads, 4);
  assert.equal(config.eosTokenId, 2);
  // TinyLlama-1.1B has 1,100,048,384 parameters.
  assert.equal(parameterCount(config), 1_100_048_384);
});

test('writing a configuration and reading it back changes nothing', () => {
  for (const model_type of ['llama', 'mistral', 'qwen2', 'qwen3']) {
    const config = parseDecoderConfig({ ...tinyLlama, model_type }, 'config.json');
    assert.deepEqual(parseDecoderConfig(decoderConfigJson(config), 'again'), config);
  }
});

test('the rotation base is also found in rope_parameters, and several end tokens give the first', () => {
  const { rope_theta: _, ...rest } = tinyLlama;
  const config = parseDecoderConfig(
    { ...rest, rope_parameters: { rope_type: 'default', rope_theta: 500_000 }, eos_token_id: [7, 8] },
    'config.json',
  );
  assert.equal(config.ropeTheta, 500_000);
  assert.equal(config.eosTokenId, 7);
});

test('a sliding window limits the sequence length, because up to it attention is full', () => {
  const window = { sliding_window: 1024 };
  assert.equal(
    parseDecoderConfig({ ...tinyLlama, ...window, model_type: 'mistral' }, 'c').maxPositions,
    1024,
  );
  assert.equal(parseDecoderConfig({ ...tinyLlama, ...window, model_type: 'qwen2' }, 'c').maxPositions, 2048);
});

test('all problems are reported at once, by field', () => {
  const bad = {
    ...tinyLlama,
    vocab_size: 'many',
    num_key_value_heads: 5,
    hidden_act: 'gelu',
    rope_scaling: { type: 'linear', factor: 2 },
  };
  assert.deepEqual(problemsOf(bad).sort(), [
    'hidden_act',
    'num_key_value_heads',
    'rope_scaling',
    'vocab_size',
  ]);
  assert.deepEqual(problemsOf({ ...tinyLlama, model_type: 'gpt2' }), ['model_type']);
  assert.deepEqual(problemsOf({ ...tinyLlama, hidden_size: 1e12 }), ['hidden_size']);
  assert.throws(() => parseDecoderConfig([], 'config.json'), DdkError);
});

test('norms and biases do not decay, matrices do, and a tied head is no parameter', () => {
  const specs = decoderParameters(
    parseDecoderConfig(
      { ...tinyLlama, model_type: 'qwen2', num_hidden_layers: 1, tie_word_embeddings: true },
      'c',
    ),
  );
  const decaying = specs.filter(({ decay }) => decay).map(({ name }) => name);
  assert.deepEqual(decaying, [
    'model.embed_tokens.weight',
    ...['q', 'k', 'v', 'o'].map((part) => `model.layers.0.self_attn.${part}_proj.weight`),
    ...['gate', 'up', 'down'].map((part) => `model.layers.0.mlp.${part}_proj.weight`),
  ]);
  assert.ok(specs.every(({ decay, shape }) => decay === (shape.length === 2)));
  assert.deepEqual(specs.find(({ name }) => name.endsWith('k_proj.weight'))?.shape, [256, 2048]);
});

test('starting values depend on the seed and the parameter alone', () => {
  const [spec, other] = [
    { name: 'a.weight', shape: [8, 16], decay: true, init: { kind: 'normal', std: 0.02 } },
    { name: 'b.weight', shape: [8, 16], decay: true, init: { kind: 'normal', std: 0.02 } },
  ] as const;
  assert.deepEqual(initialParameter(spec, 1), initialParameter(spec, 1));
  assert.notDeepEqual(initialParameter(spec, 1), initialParameter(spec, 2));
  assert.notDeepEqual(initialParameter(spec, 1), initialParameter(other, 1));
  assert.deepEqual(
    initialParameter({ ...spec, shape: [3], init: { kind: 'ones' } }, 1),
    Float32Array.of(1, 1, 1),
  );
});
