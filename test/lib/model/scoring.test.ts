// Scoring graphs: every head against the full logits, and weights read in place.
import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { bfloat16FromFloat, DdkError } from '#base';
import {
  type ModelFolder,
  openModel,
  readParameter,
  type ScoringHead,
  saveModel,
  scoringModel,
} from '#model';
import { decoderParameters } from '#nn';
import type { TensorData } from '#onnx';
import type { Runtime } from '#runtime';
import { writeSafetensors } from '#safetensors';
import { inFolder, makeTiny, session, tinyConfig, withRuntime } from './tiny.js';

const B = 2;
const T = 6;
const V = tinyConfig.vocabSize;
const ids = Array.from({ length: B * T }, (_, i) => (i * 37 + 5) % 257);
const int64 = (shape: readonly number[], values: readonly number[]): TensorData => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});

async function score(
  runtime: Runtime,
  model: Pick<ModelFolder, 'config' | 'weights'>,
  head: ScoringHead,
  more: Record<string, TensorData> = {},
): Promise<Record<string, TensorData>> {
  const { bytes, externalDataFolder } = scoringModel({ ...model, batch: B, length: T, head });
  const open = await runtime.createSession(bytes, { ...session, externalDataFolder });
  try {
    return await open.run({ input_ids: int64([B, T], ids), ...more });
  } finally {
    await open.close();
  }
}

/** log softmax of row n of logits / temperature, in double precision. */
function logSoftmaxRow(logits: TensorData, n: number, temperature = 1): number[] {
  const row = Array.from(logits.data.subarray(n * V, (n + 1) * V) as Float32Array, (z) => z / temperature);
  const largest = Math.max(...row);
  const lse = largest + Math.log(row.reduce((sum, z) => sum + Math.exp(z - largest), 0));
  return row.map((z) => z - lse);
}

const near = (found: number, expected: number): void =>
  assert.ok(Math.abs(found - expected) < 2e-5, `${found} and ${expected}`);

test('each head agrees with the log-softmax of the logits', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    await withRuntime(async (runtime) => {
      const { logits } = await score(runtime, model, { kind: 'logits' });
      assert.deepEqual(logits!.shape, [B, T, V]);

      const top = await score(runtime, model, { kind: 'top_k', k: 5, temperature: 2 });
      assert.equal(top.ids!.dtype, 'int32');
      assert.deepEqual(top.ids!.shape, [B, T, 5]);
      const labels = ids.map((id) => (id * 3 + 1) % V);
      const label = await score(
        runtime,
        model,
        { kind: 'label_log_probs' },
        { labels: int64([B, T], labels) },
      );
      const dense = await score(runtime, model, { kind: 'dense' });
      for (let n = 0; n < B * T; n++) {
        const plain = logSoftmaxRow(logits!, n);
        const tempered = logSoftmaxRow(logits!, n, 2);
        const best = [...tempered.keys()].sort((a, b) => tempered[b]! - tempered[a]!).slice(0, 5);
        assert.deepEqual([...(top.ids!.data as Int32Array).subarray(n * 5, n * 5 + 5)], best);
        best.forEach((id, i) => {
          near(Number(top.log_probs!.data[n * 5 + i]), tempered[id]!);
        });
        near(Number(label.label_log_probs!.data[n]), plain[labels[n]!]!);
        near(Number(dense.log_probs!.data[n * V + 7]), plain[7]!);
      }

      const last = await score(runtime, model, { kind: 'last_logits' }, { position: int64([B], [2, 5]) });
      assert.deepEqual(last.logits!.shape, [B, V]);
      for (const [row, n] of [2, T + 5].entries())
        near(Number(last.logits!.data[row * V + 3]), Number(logits!.data[n * V + 3]));
    });
  }));

test('attention is causal: what follows a position does not change it', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'), { tieEmbeddings: false });
    await withRuntime(async (runtime) => {
      const { logits } = await score(runtime, model, { kind: 'logits' });
      const changed = ids.map((id, i) => (i % T === T - 1 ? 1 : id));
      const other = await score(runtime, model, { kind: 'logits' }, { input_ids: int64([B, T], changed) });
      const until = (T - 1) * V;
      assert.deepEqual(other.logits!.data.subarray(0, until), logits!.data.subarray(0, until));
    });
  }));

test('the graph is small, names its weights, and copies none of them', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'), { hiddenSize: 64, intermediateSize: 256 });
    const { bytes, externalDataFolder } = scoringModel({
      ...model,
      batch: 1,
      length: 4,
      head: { kind: 'top_k', k: 2 },
    });
    assert.ok(bytes.length < 60_000, `${bytes.length}`);
    assert.equal(externalDataFolder, model.folder);
  }));

test('half-precision weights in several files score like their float32 copies', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const parts = join(folder, 'parts');
    await mkdir(parts);
    const sources = await Promise.all(
      decoderParameters(model.config).map(async ({ name, shape }) => {
        const bits = Uint16Array.from(await readParameter(model.weights, name), bfloat16FromFloat);
        return { name, shape, dtype: 'BF16', data: () => new Uint8Array(bits.buffer) } as const;
      }),
    );
    const files = sources.map((_, i) => `part${i % 2}.safetensors`);
    for (const file of ['part0.safetensors', 'part1.safetensors'])
      await writeSafetensors(
        join(parts, file),
        sources.filter((_, i) => files[i] === file),
      );
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
      await copyFile(join(model.folder, name), join(parts, name));
    await writeFile(
      join(parts, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: Object.fromEntries(sources.map(({ name }, i) => [name, files[i]])) }),
    );
    const halves = await openModel(parts);
    const { config, weights, tokenizerContent: tokenizer } = halves;
    const parameter = (name: string) => readParameter(weights, name);
    const wide = await saveModel({ folder: join(folder, 'wide'), config, tokenizer, parameter });
    await withRuntime(async (runtime) => {
      const fromHalves = await score(runtime, halves, { kind: 'logits' });
      const fromWide = await score(runtime, wide, { kind: 'logits' });
      assert.deepEqual(fromHalves.logits!.data, fromWide.logits!.data);
    });
  }));

test('sizes that do not fit the model are refused', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const refuses = (
      changes: { batch?: number; length?: number; head?: ScoringHead },
      message: RegExp,
    ): void => {
      assert.throws(
        () => scoringModel({ ...model, batch: 1, length: 4, head: { kind: 'dense' }, ...changes }),
        (error) =>
          error instanceof DdkError && error.code === 'invalid_argument' && message.test(error.message),
      );
    };
    refuses({ length: 33 }, /length is 33; it must be from 1 to 32/);
    refuses({ batch: 0 }, /batch is 0/);
    refuses({ head: { kind: 'top_k', k: 261 } }, /k is 261; it must be from 1 to 260/);
    refuses({ head: { kind: 'dense', temperature: 0 } }, /temperature is 0/);
  }));
