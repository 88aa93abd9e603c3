import assert from 'node:assert/strict';
import test from 'node:test';
import { gradients } from '#autodiff';
import {
  decoderParameters,
  emitDecoder,
  emitDecoderDynamic,
  emitLoss,
  type ParameterSpec,
  parseDecoderConfig,
} from '#nn';
import type { TensorData, Value } from '#onnx';
import { evaluate, fixture, floats, ids, largestDifference, norm } from './support.js';

interface Golden {
  readonly name: string;
  readonly config: unknown;
  readonly batch: number;
  readonly length: number;
  readonly loss: number;
  readonly logits: string;
  readonly lastLogitsPaddedLeft: string;
  readonly gradients: Readonly<Record<string, string>>;
}

const cases = fixture<readonly Golden[]>('decoders.json');

/** The same integer formula as in make_decoders.py. */
function fill(spec: ParameterSpec, salt: number): TensorData {
  const around = spec.init.kind === 'ones' ? 1 : 0;
  const count = spec.shape.reduce((a, b) => a * b, 1);
  const value = (i: number): number =>
    ((i * 7919 + salt * 104729 + Math.floor(i / 7) * 31) % 1000) / 1000 - 0.5;
  return floats(
    spec.shape,
    Array.from({ length: count }, (_, i) => around + Math.fround(value(i))),
  );
}

function unpack(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

function setUp(golden: Golden) {
  const { batch, length } = golden;
  const config = parseDecoderConfig(golden.config, golden.name);
  const specs = decoderParameters(config);
  const sorted = specs.map(({ name }) => name).sort();
  const feeds = Object.fromEntries(specs.map((spec) => [spec.name, fill(spec, sorted.indexOf(spec.name))]));
  const sequence = Array.from(
    { length: batch * length },
    (_, n) => (7 * n * n + 3 * n + 1) % config.vocabSize,
  );
  const labels = Array.from({ length: batch * length }, (_, n) => (5 * n * n + n + 2) % config.vocabSize);
  return { config, specs, feeds, sequence, labels, batch, length };
}

for (const golden of cases) {
  test(`${golden.name}: logits, loss and every gradient are those of transformers in float64`, async () => {
    const { config, specs, feeds, sequence, labels, batch, length } = setUp(golden);
    const N = batch * length;
    const results = await evaluate(
      (b) => {
        const parameters = new Map<string, Value>(
          specs.map(({ name, shape }) => [name, b.input(name, 'float32', shape)]),
        );
        const { logits_NV } = emitDecoder(b, config, {
          inputIds_BT: b.input('input_ids', 'int64', [batch, length]),
          parameter: (name) => parameters.get(name)!,
          batch,
          length,
        });
        const { loss, seeds } = emitLoss(b, {
          logits_NV,
          labels_N: b.input('labels', 'int64', [N]),
          weights_N: b.input('weights', 'float32', [N]),
          targets: { kind: 'none' },
          objective: { gamma: 0, temperature: 1, temperatureSquared: false, direction: 'forward' },
        });
        const found = gradients(b, { seeds, wrt: [...parameters.values()] });
        const named = specs.map(({ name }, i) => [`gradient of ${name}`, found[i]!] as const);
        return { logits: logits_NV, loss, ...Object.fromEntries(named) };
      },
      {
        ...feeds,
        input_ids: ids([batch, length], sequence),
        labels: ids([N], labels),
        weights: floats([N], Array(N).fill(1 / N)),
      },
    );
    const logits = unpack(golden.logits);
    assert.ok(largestDifference(results.logits!, logits) < 1e-5 * norm(logits), 'logits');
    assert.ok(Math.abs(results.loss![0]! - golden.loss) < 1e-5);
    assert.deepEqual(specs.map(({ name }) => name).sort(), Object.keys(golden.gradients).sort());
    const all = norm(Object.values(golden.gradients).map((packed) => norm(unpack(packed))));
    for (const { name } of specs) {
      const expected = unpack(golden.gradients[name]!);
      const error = norm(results[`gradient of ${name}`]!.map((value, i) => value - expected[i]!));
      // The project's bound for imported decoders; some gradients (a key bias) are zero in exact arithmetic.
      assert.ok(
        error <= 1e-4 * Math.max(norm(expected), 1e-6 * all) || error < 1e-7 * all,
        `${name}: off by ${error} of ${norm(expected)}`,
      );
    }
  });

  test(`${golden.name}: the exported form gives the same logits, and ignores padding on the left`, async () => {
    const { config, specs, feeds, sequence, batch, length } = setUp(golden);
    const run = (mask: readonly number[]): Promise<Record<string, number[]>> =>
      evaluate(
        (b) => {
          const parameters = new Map<string, Value>(
            specs.map(({ name, shape }) => [name, b.input(name, 'float32', shape)]),
          );
          const { logits } = emitDecoderDynamic(b, config, {
            inputIds: b.input('input_ids', 'int64', ['batch', 'sequence']),
            attentionMask: b.input('attention_mask', 'int64', ['batch', 'sequence']),
            parameter: (name) => parameters.get(name)!,
          });
          return { logits };
        },
        { ...feeds, input_ids: ids([batch, length], sequence), attention_mask: ids([batch, length], mask) },
      );
    const expected = unpack(golden.logits);
    const bound = 1e-5 * norm(expected);
    assert.ok(largestDifference((await run(Array(batch * length).fill(1))).logits!, expected) < bound);
    const padded = (await run([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])).logits!;
    const last = padded.slice((length - 1) * config.vocabSize, length * config.vocabSize);
    const off = largestDifference(last, unpack(golden.lastLogitsPaddedLeft));
    assert.ok(off < bound, `off by ${off}, more than ${bound}`);
  });
}
