// Exports and what inspection says of them.
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError } from '#base';
import {
  checkParity,
  type ExportOptions,
  exportModel,
  inspectModel,
  type ModelFolder,
  openModel,
  withoutGradient,
} from '#model';
import { parameterCount } from '#nn';
import { isExternal, readModel, type TensorData } from '#onnx';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { inFolder, makeTiny, session, withRuntime } from './tiny.js';

function exportOf(model: ModelFolder, folder: string, more: Partial<ExportOptions> = {}): ExportOptions {
  const { config, weights, tokenizerContent: tokenizer } = model;
  return { folder, config, weights, tokenizer, ...more };
}

const rows = [
  [1, 2, 3, 4, 5],
  [250, 200, 150, 100, 50],
];

test('an export computes what the model computes, self-contained or beside its weights', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'), { tieEmbeddings: false });
    for (const selfContained of [true, false]) {
      const out = join(folder, `out-${selfContained}`);
      await exportModel(exportOf(model, out, { selfContained }));
      assert.deepEqual((await readdir(out)).sort(), [
        'config.json',
        'model.onnx',
        'model.safetensors',
        'tokenizer.json',
        'tokenizer_config.json',
      ]);
      const onnx = await readModel(join(out, 'model.onnx'));
      assert.equal(onnx.opsets.get(''), 18);
      assert.equal([...onnx.graph.initializers.values()].some(isExternal), !selfContained);
      const parity = await withRuntime((runtime) =>
        checkParity(runtime, { model, onnxPath: join(out, 'model.onnx'), ids: rows, session }),
      );
      assert.ok(parity.maxAbsoluteDifference < 1e-5, `${parity.maxAbsoluteDifference}`);
      assert.equal(parity.sameArgMax, 1);
      // The folder is a model again, and the same one.
      assert.equal((await openModel(out)).fingerprint, model.fingerprint);
    }
  }));

test('an export takes any batch and length, and padding behind its mask', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const out = join(folder, 'out');
    await exportModel(exportOf(model, out, { attentionMask: true }));
    await withRuntime(async (runtime) => {
      const open = await runtime.createSession(join(out, 'model.onnx'), session);
      const int64 = (shape: readonly number[], values: readonly number[]): TensorData => ({
        dtype: 'int64',
        shape,
        data: BigInt64Array.from(values, BigInt),
      });
      const plain = await open.run({
        input_ids: int64([1, 3], [7, 8, 9]),
        attention_mask: int64([1, 3], [1, 1, 1]),
      });
      const padded = await open.run({
        input_ids: int64([1, 5], [0, 0, 7, 8, 9]),
        attention_mask: int64([1, 5], [0, 0, 1, 1, 1]),
      });
      assert.deepEqual(plain.logits!.shape, [1, 3, 260]);
      for (let v = 0; v < 260; v++)
        assert.ok(
          Math.abs(Number(plain.logits!.data[2 * 260 + v]) - Number(padded.logits!.data[4 * 260 + v])) < 1e-4,
        );
      await open.close();
    });
  }));

test('an export does not replace a folder that has something in it', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const before = await readdir(model.folder);
    await assert.rejects(
      exportModel(exportOf(model, model.folder)),
      (error) => error instanceof DdkError && error.code === 'already_exists',
    );
    assert.deepEqual(await readdir(model.folder), before);
    assert.deepEqual(await readdir(folder), ['m']);
  }));

test('a folder and its export are inspected alike', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const out = join(folder, 'out');
    await exportModel(exportOf(model, out));
    const ofFolder = await inspectModel(model.folder);
    const ofFile = await inspectModel(join(out, 'model.onnx'));
    assert.equal(ofFolder.fingerprint, model.fingerprint);
    assert.match(ofFile.fingerprint, /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(ofFile.operators, ofFolder.operators);
    assert.deepEqual(ofFile.inputs, [{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] }]);
    const logits = { name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', 260] };
    assert.deepEqual([ofFolder.outputs, ofFile.outputs], [[logits], [logits]]);
    assert.equal(ofFile.opset, 18);
    assert.deepEqual(withoutGradient(ofFolder), []);
    const gemms = ofFolder.operators.find(({ operator }) => operator === 'Gemm');
    // Seven projections in each of two layers, and the head.
    assert.deepEqual(gemms, { operator: 'Gemm', count: 15, differentiable: true });
    // The model's parameters, and besides them only small tables.
    const extra = ofFolder.parameters - parameterCount(model.config);
    assert.ok(extra >= 0 && extra < 10, `${extra}`);
    await assert.rejects(
      inspectModel(join(folder, 'nowhere')),
      (error) => error instanceof DdkError && error.code === 'not_found',
    );
  }));

test('a file of a model that is no graph is refused with its folder', async (t) => {
  const folder = await temporaryFolder(t);
  for (const name of ['model.safetensors', 'config.json', 'model.gguf']) {
    await writeFile(join(folder, name), '{}');
    await assert.rejects(inspectModel(join(folder, name)), {
      code: 'invalid_argument',
      message: new RegExp(`${name} is no ONNX model; give an \\.onnx file, or the folder .*\\(${folder}\\)`),
    });
  }
});
