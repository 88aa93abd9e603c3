// Model folders: what is written opens again, and everything odd about one gets a sentence.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { DdkError, type ErrorCode, halfFromFloat } from '#base';
import { createModel, openModel, openWeights, readParameter, saveModel } from '#model';
import { decoderParameters, initialParameter } from '#nn';
import { type TensorSource, writeSafetensors } from '#safetensors';
import { inFolder, makeTiny, tinyConfig } from './tiny.js';

const rejectsAs = (promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof DdkError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code, error.message);
    return true;
  });

/** Tensors of the tiny model as sources for writeSafetensors. */
function tensors(change?: (source: TensorSource) => TensorSource | undefined): TensorSource[] {
  return decoderParameters(tinyConfig).flatMap((spec) => {
    const data = initialParameter(spec, 1);
    const source: TensorSource = {
      name: spec.name,
      dtype: 'F32',
      shape: spec.shape,
      data: () => new Uint8Array(data.buffer),
    };
    const changed = change === undefined ? source : change(source);
    return changed === undefined ? [] : [changed];
  });
}

test('a model made with a seed opens again, and the same seed makes the same model', () =>
  inFolder(async (folder) => {
    const first = await makeTiny(join(folder, 'a'));
    const second = await makeTiny(join(folder, 'b'));
    const other = await makeTiny(join(folder, 'c'), {}, 2);
    assert.deepEqual((await readdir(first.folder)).sort(), [
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    assert.equal(first.fingerprint, second.fingerprint);
    assert.match(first.fingerprint, /^sha256:[0-9a-f]{64}$/);
    assert.notEqual(first.fingerprint, other.fingerprint);
    assert.deepEqual(
      await readFile(join(first.folder, 'model.safetensors')),
      await readFile(join(second.folder, 'model.safetensors')),
    );
    assert.equal(first.config.vocabSize, 260);
    assert.equal(first.tokenizer.vocabSize, 257);
    const spec = decoderParameters(tinyConfig)[3]!;
    assert.deepEqual(await readParameter(first.weights, spec.name), initialParameter(spec, 1));
  }));

test('what is saved is what was given', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'a'));
    const saved = await saveModel({
      folder: join(folder, 'b'),
      config: model.config,
      tokenizer: model.tokenizerContent,
      parameter: (name) => readParameter(model.weights, name),
    });
    assert.equal(saved.fingerprint, model.fingerprint);
  }));

test('a folder with something in it is not overwritten, an empty one is used', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'empty'));
    await makeTiny(join(folder, 'empty'));
    await rejectsAs(
      makeTiny(join(folder, 'empty')),
      'already_exists',
      /empty exists and is not empty; choose another name/,
    );
    await rejectsAs(
      makeTiny(join(folder, 'small'), { vocabSize: 100 }),
      'failed_precondition',
      /has 257 ids and the model's vocab_size is 100/,
    );
    await writeFile(join(folder, 'file'), '');
    await rejectsAs(makeTiny(join(folder, 'file')), 'already_exists', /file is a file; choose another name/);
    await rejectsAs(
      createModel({ folder: join(folder, 'x'), config: tinyConfig, tokenizerJson: '{', seed: 1 }),
      'invalid_argument',
      /tokenizer\.json of a new model is not valid JSON/,
    );
    assert.deepEqual((await readdir(folder)).sort(), ['empty', 'file']);
  }));

test('a sharded model is the same model, and its index is checked', () =>
  inFolder(async (folder) => {
    const whole = await makeTiny(join(folder, 'whole'));
    const parts = join(folder, 'parts');
    await mkdir(parts);
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json'])
      await copyFile(join(whole.folder, name), join(parts, name));
    const all = tensors();
    const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
    const inFirst = (name: string): boolean => name.includes('layers.0');
    await writeSafetensors(
      join(parts, files[0]),
      all.filter(({ name }) => inFirst(name)),
    );
    await writeSafetensors(
      join(parts, files[1]),
      all.filter(({ name }) => !inFirst(name)),
    );
    const index = async (map: Record<string, unknown>): Promise<void> =>
      writeFile(
        join(parts, 'model.safetensors.index.json'),
        JSON.stringify({ metadata: {}, weight_map: map }),
      );
    const right = Object.fromEntries(all.map(({ name }) => [name, inFirst(name) ? files[0] : files[1]]));
    await index(right);
    assert.equal((await openModel(parts)).fingerprint, whole.fingerprint);
    await index({ ...right, 'model.norm.weight': '../whole/model.safetensors' });
    await rejectsAs(openModel(parts), 'invalid_argument', /does not stay inside its folder/);
    await index({ ...right, 'model.extra': files[0] });
    await rejectsAs(openModel(parts), 'invalid_argument', /says that "model.extra" is in model-00001/);
    await index({ ...right, 'model.norm.weight': 7 });
    await rejectsAs(openModel(parts), 'invalid_argument', /names no file for tensor "model.norm.weight"/);
    await writeFile(join(parts, 'model.safetensors.index.json'), '{}');
    await rejectsAs(openModel(parts), 'invalid_argument', /no object "weight_map"/);
  }));

test('weights behind links and in half precision are found', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    await rename(join(model.folder, 'model.safetensors'), join(folder, 'blob'));
    await symlink(join(folder, 'blob'), join(model.folder, 'model.safetensors'));
    assert.equal((await openModel(model.folder)).fingerprint, model.fingerprint);
    const half = tensors((source) => {
      const values = new Float32Array((source.data() as Uint8Array).buffer as ArrayBuffer);
      const bits = Uint16Array.from(values, halfFromFloat);
      return { ...source, dtype: 'F16', data: () => new Uint8Array(bits.buffer) };
    });
    await writeSafetensors(join(folder, 'half.safetensors'), half);
    const weights = await openWeights(join(folder, 'half.safetensors'));
    const name = 'model.norm.weight';
    assert.deepEqual(await readParameter(weights, name), new Float32Array(16).fill(1));
  }));

test('every missing or odd file has its sentence', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const at = (name: string): string => join(model.folder, name);
    const without = async (name: string, code: ErrorCode, message: RegExp): Promise<void> => {
      await rename(at(name), join(folder, 'aside'));
      await rejectsAs(openModel(model.folder), code, message);
      await rename(join(folder, 'aside'), at(name));
    };
    const replaced = async (
      name: string,
      content: string,
      code: ErrorCode,
      message: RegExp,
    ): Promise<void> => {
      const before = await readFile(at(name));
      await writeFile(at(name), content);
      await rejectsAs(openModel(model.folder), code, message);
      await writeFile(at(name), before);
    };
    await rejectsAs(openModel(join(folder, 'nowhere')), 'not_found', /There is no model folder .*nowhere/);
    await rejectsAs(openModel(at('config.json')), 'invalid_argument', /is a file; give the folder/);
    await without('config.json', 'not_found', /There is no .*config\.json; a model folder has/);
    await without('tokenizer.json', 'not_found', /There is no tokenizer at .*tokenizer\.json/);
    await without(
      'model.safetensors',
      'not_found',
      /has no weights: there is no model\.safetensors; put the weights there/,
    );
    await writeFile(at('pytorch_model.bin'), '');
    await without('model.safetensors', 'not_found', /convert its pytorch_model\.bin to safetensors/);
    await rm(at('pytorch_model.bin'));
    await replaced('config.json', '{', 'invalid_argument', /config\.json is not valid JSON/);
    await replaced('config.json', '{}', 'invalid_argument', /config\.json: model_type must be one of/);
    await replaced('config.json', ' '.repeat(2 ** 20 + 1), 'invalid_argument', /at most 1048576 are read/);
    await replaced('model.safetensors', 'short', 'invalid_argument', /model\.safetensors/);
    const config = JSON.parse(await readFile(at('config.json'), 'utf8')) as Record<string, unknown>;
    await replaced(
      'config.json',
      JSON.stringify({ ...config, intermediate_size: 25 }),
      'failed_precondition',
      /mlp\.gate_proj\.weight is \[24, 16\] and config\.json asks for \[25, 16\].*and 1 more/,
    );
    await replaced(
      'config.json',
      JSON.stringify({ ...config, tie_word_embeddings: false }),
      'failed_precondition',
      /lm_head\.weight is missing \(set tie_word_embeddings to true/,
    );
    await replaced(
      'config.json',
      JSON.stringify({ ...config, num_hidden_layers: 1 }),
      'failed_precondition',
      /layers\.1\.[a-z_.]+ is a tensor that this architecture does not have/,
    );
    await openModel(model.folder);
  }));

test('all problems of the weights are in the violations', () =>
  inFolder(async (folder) => {
    const model = await makeTiny(join(folder, 'm'));
    const odd = tensors((source) => {
      if (source.name === 'model.norm.weight') return undefined;
      if (source.name.includes('layers.1.mlp.up_proj')) return { ...source, dtype: 'I32' };
      return source;
    });
    await writeSafetensors(join(model.folder, 'model.safetensors'), odd);
    await assert.rejects(openModel(model.folder), (error) => {
      assert.ok(error instanceof DdkError);
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        ['model.layers.1.mlp.up_proj.weight', 'model.norm.weight'],
      );
      return true;
    });
  }));
