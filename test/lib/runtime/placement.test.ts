// Where sessions compute, as the environment says it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, Environment } from '#base';
import { readInferencePlacement, readPlacement } from '#runtime';

test('placement is chosen by itself unless the environment says otherwise', () => {
  assert.deepEqual(readPlacement(new Environment({})), { provider: 'auto', device: 0, threads: 0 });
  const env = new Environment({ DDK_PROVIDER: 'cuda', DDK_DEVICE: '3', DDK_THREADS: '8' });
  assert.deepEqual(readPlacement(env), { provider: 'cuda', device: 3, threads: 8 });
});

test('a placement that makes no sense is refused by the names of its variables', () => {
  const env = new Environment({ DDK_PROVIDER: 'tpu', DDK_DEVICE: '-1', DDK_THREADS: 'all' });
  readPlacement(env);
  assert.throws(
    () => env.done(),
    (error) =>
      error instanceof DdkError &&
      error.violations.map(({ field }) => field).join(' ') === 'DDK_PROVIDER DDK_DEVICE DDK_THREADS',
  );
});

test('inference may go another way to ONNX Runtime, which training has not', () => {
  const runtimeOf = (env: Environment) => readInferencePlacement(env).runtime;
  assert.equal(runtimeOf(new Environment({})), 'c-api');
  assert.equal(runtimeOf(new Environment({ DDK_RUNTIME: 'binding' })), 'binding');
  const env = new Environment({ DDK_RUNTIME: 'python' });
  readInferencePlacement(env);
  assert.throws(() => env.done(), /DDK_RUNTIME.*c-api.*binding.*python/);
  assert.ok(!('runtime' in readPlacement(new Environment({ DDK_RUNTIME: 'binding' }))));
});
