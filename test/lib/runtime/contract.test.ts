// What every implementation of a session does, run against both.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { DdkError, type ErrorCode } from '#base';
import { type DType, encodeModel, GraphBuilder, type TensorData, tensor } from '#onnx';
import { openRuntime, type SessionOptions } from '#runtime';
import { floats, identityModel, pairModel, sequenceModel, slowModel, square } from './models.js';

const options: SessionOptions = { provider: 'cpu', threads: 1 };

/** Matches a DdkError with this code whose sentence contains all of `words`. */
function failure(code: ErrorCode, ...words: string[]) {
  return (error: unknown) => {
    assert.ok(error instanceof DdkError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `"${error.message}" lacks "${word}"`);
    return true;
  };
}

for (const kind of ['c-api', 'binding'] as const) {
  const opened = openRuntime(kind);
  const say = (sentence: string) => `${kind}: ${sentence}`;
  after(async () => (await opened).close());

  test(say('says which implementation and version it is'), async () => {
    const runtime = await opened;
    assert.equal(runtime.kind, kind);
    assert.match(runtime.version, /^1\.\d+\.\d+/);
  });

  test(say('computes named outputs from named inputs'), async () => {
    const session = await (await opened).createSession(pairModel(), options);
    const { product, sum } = await session.run({ b: floats(4, 5, 6), a: floats(1, 2, 3) });
    assert.deepEqual(product, floats(4, 10, 18));
    assert.deepEqual(sum, floats(5, 7, 9));
    assert.deepEqual(Object.keys(await session.run({ a: floats(1), b: floats(2) }, { outputs: ['sum'] })), [
      'sum',
    ]);
    await session.close();
  });

  test(say('tells names, types and shapes, with symbols for free dimensions'), async () => {
    const session = await (await opened).createSession(pairModel(['batch', 3]), options);
    assert.deepEqual(session.inputs, [
      { name: 'a', dtype: 'float32', shape: ['batch', 3] },
      { name: 'b', dtype: 'float32', shape: ['batch', 3] },
    ]);
    assert.deepEqual(
      session.outputs.map((output) => output.name),
      ['product', 'sum'],
    );
    await session.close();
  });

  // The binding cannot carry bfloat16 through a graph's inputs and outputs.
  const dtypes: DType[] = ['float32', 'float64', 'float16', 'int8', 'int16', 'int32', 'int64'];
  dtypes.push('uint8', 'uint16', 'uint32', 'uint64', 'bool');
  if (kind === 'c-api') dtypes.push('bfloat16');
  for (const dtype of dtypes) {
    test(say(`carries ${dtype} through unchanged`), async () => {
      const session = await (await opened).createSession(identityModel(dtype, ['n', 2]), options);
      const x = tensor(dtype, [2, 2], [0, 1, 1, 0]);
      assert.deepEqual((await session.run({ x })).y, x);
      await session.close();
    });
  }

  test(say('carries scalars, empty tensors and views into larger arrays'), async () => {
    const runtime = await opened;
    const scalars = await runtime.createSession(identityModel('float32', []), options);
    assert.deepEqual((await scalars.run({ x: tensor('float32', [], [7]) })).y, tensor('float32', [], [7]));
    const vectors = await runtime.createSession(identityModel('int64', ['n']), options);
    assert.deepEqual((await vectors.run({ x: tensor('int64', [0], []) })).y, tensor('int64', [0], []));
    const view = BigInt64Array.of(1n, 2n, 3n, 4n).subarray(1, 3);
    assert.deepEqual(
      (await vectors.run({ x: { dtype: 'int64', shape: [2], data: view } })).y,
      tensor('int64', [2], [2, 3]),
    );
    await Promise.all([scalars.close(), vectors.close()]);
  });

  test(say('refuses inputs that do not fit, naming them'), async () => {
    const session = await (await opened).createSession(pairModel([2]), options);
    const a = floats(1, 2);
    const wrong: [Record<string, TensorData>, string[]][] = [
      [{ a }, ['b', 'missing']],
      [{ a, b: a, c: a }, ['no input c', 'a, b']],
      [{ a, b: floats(1, 2, 3) }, ['input b', '[3]', '[2]']],
      [{ a, b: tensor('int32', [2], [1, 2]) }, ['input b', 'int32', 'float32']],
      [{ a, b: { dtype: 'float32', shape: [2], data: new Float64Array(2) } }, ['input b', 'Float64Array']],
      [{ a, b: { dtype: 'float32', shape: [2], data: new Float32Array(3) } }, ['input b', '3 elements']],
    ];
    for (const [feeds, words] of wrong)
      await assert.rejects(session.run(feeds), failure('invalid_argument', ...words));
    await assert.rejects(
      session.run({ a, b: a }, { outputs: ['none'] }),
      failure('invalid_argument', 'no output none', 'product, sum'),
    );
    await session.close();
  });

  test(say("reports an operator's failure with ONNX Runtime's sentence and stays usable"), async () => {
    const b = new GraphBuilder('gather');
    const index = b.input('index', 'int64', ['n']);
    b.output('y', b.gather(b.constant(tensor('float32', [2], [10, 20])), index));
    const session = await (await opened).createSession(encodeModel(b.build()), options);
    const at = (i: number) => ({ index: tensor('int64', [1], [i]) });
    await assert.rejects(session.run(at(5)), (error) =>
      failure((error as DdkError).code, 'ONNX Runtime', 'out')(error),
    );
    assert.deepEqual((await session.run(at(1))).y, floats(20));
    await session.close();
  });

  test(say('refuses bytes that are not a model'), async () => {
    const runtime = await opened;
    await assert.rejects(
      runtime.createSession(new Uint8Array(64).fill(0xff), options),
      failure('invalid_argument'),
    );
    const cut = pairModel();
    await assert.rejects(
      runtime.createSession(cut.subarray(0, cut.length - 9), options),
      failure('invalid_argument'),
    );
  });

  test(say('loads a model from a file, and external weights from a given folder'), async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'ddk-runtime-'));
    t.after(() => rm(folder, { recursive: true }));
    const runtime = await opened;
    await writeFile(join(folder, 'pair.onnx'), pairModel());
    const fromFile = await runtime.createSession(join(folder, 'pair.onnx'), options);
    assert.deepEqual((await fromFile.run({ a: floats(2), b: floats(3) })).product, floats(6));
    await writeFile(join(folder, 'weights.bin'), Buffer.from(Float32Array.of(0, 0, 5, 6).buffer));
    const b = new GraphBuilder('external');
    const weight = b.initializer('w', 'float32', [2], { location: 'weights.bin', offset: 8, length: 8 });
    b.output('y', b.mul(b.input('x', 'float32', [2]), weight));
    const session = await runtime.createSession(encodeModel(b.build()), {
      ...options,
      externalDataFolder: folder,
    });
    assert.deepEqual((await session.run({ x: floats(1, 2) })).y, floats(5, 12));
    await Promise.all([fromFile.close(), session.close()]);
  });

  test(say('says which model file is missing'), async () => {
    await assert.rejects((await opened).createSession('/nowhere/model.onnx', options), (error) =>
      failure((error as DdkError).code, '/nowhere/model.onnx')(error),
    );
  });

  test(say('answers overlapping runs each with its own result'), async () => {
    const session = await (await opened).createSession(pairModel(), { ...options, threads: 2 });
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => session.run({ a: floats(i, 1), b: floats(2, i) })),
    );
    for (const [i, { product }] of results.entries()) assert.deepEqual(product, floats(2 * i, i));
    await session.close();
  });

  test(say('treats denormals as zero on whichever thread a run lands'), async () => {
    // 1e-30 * 1e-10 = 1e-40 is below the smallest normal float32, 1.2e-38.
    const session = await (await opened).createSession(pairModel(), { ...options, threads: 2 });
    const a = { dtype: 'float32', shape: [70_000], data: new Float32Array(70_000).fill(1e-30) } as const;
    const b = { ...a, data: new Float32Array(70_000).fill(1e-10) };
    const runs = await Promise.all(
      Array.from({ length: 6 }, () => session.run({ a, b }, { outputs: ['product'] })),
    );
    const expected = process.arch === 'x64' ? 0 : Math.fround(1e-40);
    for (const { product } of runs)
      assert.ok((product as TensorData).data.every((value: number | bigint) => value === expected));
    await session.close();
  });

  test(say('leaves the event loop free while it computes'), async () => {
    const session = await (await opened).createSession(slowModel(256, 60), options);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await session.run({ x: square(256) });
    clearInterval(timer);
    // A blocked loop gives none; how many a free one gives depends on the machine.
    assert.ok(turns >= 2, `${turns} turns`);
    await session.close();
  });

  test(say('cancels a run, before and while it computes, and serves the next'), async () => {
    const session = await (await opened).createSession(slowModel(256, 2000), options);
    const feeds = { x: square(256) };
    await assert.rejects(session.run(feeds, { signal: AbortSignal.abort() }), failure('cancelled'));
    const controller = new AbortController();
    const cancelled = session.run(feeds, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await assert.rejects(cancelled, failure('cancelled'));
    const small = await (await opened).createSession(pairModel(), options);
    assert.deepEqual((await small.run({ a: floats(2), b: floats(3) })).product, floats(6));
    await Promise.all([session.close(), small.close()]);
  });

  test(say('serves the next run after a cancelled one in the same session'), async () => {
    const session = await (await opened).createSession(slowModel(64, 2000), options);
    const controller = new AbortController();
    const cancelled = session.run({ x: square(64) }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 2);
    const next = session.run({ x: square(64, 0) });
    await assert.rejects(cancelled, failure('cancelled'));
    assert.deepEqual((await next).y, square(64, 0));
    await session.close();
  });

  test(say('closes twice, waits for runs in flight, and refuses runs afterwards'), async () => {
    const session = await (await opened).createSession(pairModel(), options);
    const inFlight = session.run({ a: floats(2), b: floats(3) });
    await Promise.all([session.close(), session.close()]);
    assert.deepEqual((await inFlight).product, floats(6));
    await assert.rejects(
      session.run({ a: floats(1), b: floats(1) }),
      failure('failed_precondition', 'closed'),
    );
  });

  test(say('refuses a model whose inputs and outputs are not all tensors'), async () => {
    await assert.rejects(
      (await opened).createSession(sequenceModel(), options),
      failure('invalid_argument', "the model's output parts is not a tensor"),
    );
  });

  test(say('waits for a session in the making when it closes, and closes it'), async () => {
    const runtime = await openRuntime(kind);
    const making = runtime.createSession(slowModel(64, 100), options);
    await runtime.close();
    const session = await making;
    await assert.rejects(session.run({ x: square(64) }), failure('failed_precondition', 'closed'));
  });

  test(say('closes its sessions with itself and refuses new ones'), async () => {
    const runtime = await openRuntime(kind);
    const session = await runtime.createSession(pairModel(), options);
    await runtime.close();
    await runtime.close();
    await assert.rejects(
      session.run({ a: floats(1), b: floats(1) }),
      failure('failed_precondition', 'closed'),
    );
    await assert.rejects(
      runtime.createSession(pairModel(), options),
      failure('failed_precondition', 'closed'),
    );
  });
}

test('binding: a session whose thread has died loads its model into another', async () => {
  const threads: Worker[] = [];
  const started = (thread: Worker) => void threads.push(thread);
  process.on('worker', started);
  const runtime = await openRuntime('binding');
  const session = await runtime.createSession(pairModel(), options);
  await threads[0]?.terminate();
  assert.deepEqual((await session.run({ a: floats(2), b: floats(3) })).sum, floats(5));
  assert.equal(threads.length, 2);
  await threads[1]?.terminate();
  await runtime.close();
  process.off('worker', started);
});
