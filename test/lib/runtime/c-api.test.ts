// What only the C API offers: values that stay resident, bindings, profiling, and the table of members itself.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { promisify } from 'node:util';
import { DdkError } from '#base';
import { encodeModel, GraphBuilder } from '#onnx';
import { chooseProvider, isResident, openRuntime, type ResidentSession, type SessionOptions } from '#runtime';
import { buildInfo, callForPointer, stringAt } from '../../../services/lib/runtime/api.js';
import { memberTable } from '../../../services/lib/runtime/api-table.js';
import { DeviceCopier } from '../../../services/lib/runtime/device-copier.js';
import { DeviceTensor } from '../../../services/lib/runtime/resident-tensor.js';
import { stringTable } from '../../../services/lib/runtime/string-table.js';
import { floats, pairModel, slowModel, square } from './models.js';

const options: SessionOptions = { provider: 'cpu', threads: 2 };
const runtime = await openRuntime('c-api');
after(() => runtime.close());

async function open(model: Uint8Array): Promise<ResidentSession> {
  const session = await runtime.createSession(model, options);
  assert.ok(isResident(session));
  return session;
}

/** next = state + step; norm = sum of next. A step program in small. */
function stepModel(): Uint8Array {
  const b = new GraphBuilder('step');
  const next = b.add(b.input('state', 'float32', [3]), b.input('step', 'float32', []));
  b.output('norm', b.reshape(b.reduceSum(next, [0]), []));
  b.output('next', next);
  return encodeModel(b.build());
}

test('an array of strings carries its strings with it', () => {
  const [first, second] = stringTable(['parameter.größe', '']);
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(stringAt(first), 'parameter.größe');
  assert.equal(stringAt(second), '');
});

test('members lie where the table says', () => {
  assert.match(buildInfo(), /^ORT Build Info: /);
  const indices = Object.values(memberTable).map(([index]) => index);
  assert.deepEqual(
    indices,
    [...new Set(indices)].sort((a, b) => a - b),
  );
});

test('two sets of values are bound once and swap roles from run to run', async () => {
  const session = await open(stepModel());
  const [a, b] = [session.allocate('float32', [3]), session.allocate('float32', [3])];
  const step = session.allocate('float32', []);
  const norm = session.allocate('float32', []);
  a.write(Float32Array.of(1, 2, 3));
  const forth = session.bind({ state: a, step }, { next: b, norm });
  const back = session.bind({ state: b, step }, { next: a, norm });
  step.write(Float32Array.of(10));
  await forth.run();
  assert.deepEqual(b.read(), Float32Array.of(11, 12, 13));
  assert.deepEqual(norm.read(), Float32Array.of(36));
  step.write(Float32Array.of(100));
  await back.run();
  assert.deepEqual(a.read(), Float32Array.of(111, 112, 113));
  assert.deepEqual(a.view?.(), Float32Array.of(111, 112, 113));
  // What read() gives is a copy.
  (a.read() as Float32Array).fill(0);
  assert.deepEqual(a.read(), Float32Array.of(111, 112, 113));
  for (const binding of [forth, back]) binding.release();
  for (const tensor of [a, b, step, norm]) tensor.release();
  await session.close();
});

test('an output that shares memory with an input or another output is refused', async () => {
  const session = await open(stepModel());
  const state = session.allocate('float32', [3]);
  const step = session.allocate('float32', []);
  assert.throws(
    () => session.bind({ state, step }, { next: state }),
    /output next shares memory with input state/,
  );
  assert.throws(
    () => session.bind({ state, step }, { norm: step }),
    /output norm shares memory with input step/,
  );
  await session.close();
  const b = new GraphBuilder('two_outputs');
  const first = b.mul(b.input('x', 'float32', [3]), b.scalar(2));
  b.output('second', b.mul(first, first));
  b.output('first', first);
  const other = await open(encodeModel(b.build()));
  const [x, shared] = [other.allocate('float32', [3]), other.allocate('float32', [3])];
  assert.throws(
    () => other.bind({ x }, { first: shared, second: shared }),
    /output second shares memory with output first/,
  );
  await other.close();
});

test('values that do not fit are refused by name', async () => {
  const session = await open(stepModel());
  const state = session.allocate('float32', [3]);
  const step = session.allocate('float32', []);
  assert.throws(() => session.bind({ state }, {}), /input step is not bound/);
  assert.throws(() => session.bind({ state: step, step: state }, {}), /input state has shape \[\]/);
  assert.throws(() => session.bind({ state, step }, { none: state }), /no output none/);
  assert.throws(() => state.write(Float32Array.of(1)), /1 elements cannot be written to float32 \[3\]/);
  assert.throws(() => state.write(Int32Array.of(1, 2, 3)), /Int32Array/);
  assert.throws(() => session.allocate('float32', [-1]), /shape \[-1\]/);
  await session.close();
});

test('a cancelled run of a binding leaves its inputs and the binding usable', async () => {
  const session = await open(slowModel(256, 300));
  const x = session.allocate('float32', [256, 256]);
  const y = session.allocate('float32', [256, 256]);
  x.write(square(256).data);
  const binding = session.bind({ x }, { y });
  const controller = new AbortController();
  const cancelled = binding.run({ signal: controller.signal });
  await assert.rejects(binding.run(), /already running/);
  assert.throws(() => binding.release(), /running/);
  controller.abort();
  await assert.rejects(cancelled, (error) => error instanceof DdkError && error.code === 'cancelled');
  assert.deepEqual(x.read(), square(256).data);
  x.write(square(256, 0).data);
  await binding.run();
  assert.deepEqual(y.read(), square(256, 0).data);
  binding.release();
  await assert.rejects(binding.run(), /released/);
  await session.close();
});

test('a run of a binding tells when it enters the engine, which one that ends before never does', async () => {
  const session = await open(slowModel(256, 300));
  const x = session.allocate('float32', [256, 256]);
  const y = session.allocate('float32', [256, 256]);
  const binding = session.bind({ x }, { y });
  const told: string[] = [];
  const running = binding.run({ onEntered: () => told.push('entered') }).then(() => told.push('ended'));
  assert.deepEqual(told, []);
  await running;
  assert.deepEqual(told, ['entered', 'ended']);
  const again = { signal: AbortSignal.abort(), onEntered: () => assert.fail('it never began') };
  await assert.rejects(binding.run(again), { code: 'cancelled' });
  await session.close();
});

test('closing a session waits for its bindings and releases them', async () => {
  const session = await open(slowModel(256, 20));
  const [x, y] = [session.allocate('float32', [256, 256]), session.allocate('float32', [256, 256])];
  const binding = session.bind({ x }, { y });
  const running = binding.run();
  await session.close();
  await running;
  await assert.rejects(binding.run(), /released/);
});

test('released tensors and closed sessions are refused, not touched', async () => {
  const session = await open(stepModel());
  const state = session.allocate('float32', [3]);
  const step = session.allocate('float32', []);
  const binding = session.bind({ state, step }, {});
  state.release();
  state.release();
  assert.throws(() => state.read(), /released/);
  assert.throws(() => session.bind({ state, step }, {}), /released/);
  await assert.rejects(binding.run(), /released/);
  const another = session.allocate('float32', [3]);
  await session.close();
  assert.throws(() => session.bind({ state: another, step }, {}), /closed/);
});

test('a released tensor gives its memory back when the run that uses it has ended', async () => {
  const session = await open(slowModel(256, 50));
  const [x, y] = [session.allocate('float32', [256, 256]), session.allocate('float32', [256, 256])];
  x.write(square(256).data);
  const binding = session.bind({ x }, { y });
  const expected = session.allocate('float32', [256, 256]);
  const other = session.bind({ x }, { y: expected });
  await other.run();
  const [input, output] = [x.view?.(), y.view?.()];
  const running = binding.run();
  x.release();
  assert.throws(() => x.read(), /released/);
  assert.equal(input?.length, 256 * 256);
  await running;
  // A view of memory that is gone is empty, not dangling.
  assert.equal(input?.length, 0);
  assert.deepEqual(y.read(), expected.read());
  await session.close();
  assert.equal(output?.length, 0);
  assert.throws(() => y.read(), /released/);
});

test('a tensor that does not fit into memory is refused with a sentence', async () => {
  const session = await open(stepModel());
  assert.throws(
    () => session.allocate('float32', [2 ** 45]),
    (error) => error instanceof DdkError && error.code === 'resource_exhausted',
  );
  await session.close();
});

test('a process that exits does not wait for the run it is in', async () => {
  const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  // 2,000 products of 7 GFLOP each: minutes, if it waited.
  const script = `
    import { openRuntime } from ${here('../../../services/lib/runtime/index.js')};
    import { slowModel, square } from ${here('./models.js')};
    const runtime = await openRuntime();
    const session = await runtime.createSession(slowModel(1500, 2000), { provider: 'cpu', threads: 1 });
    session.run({ x: square(1500) }).catch(() => undefined);
    setTimeout(() => process.exit(7), 50);`;
  const ended = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 30_000,
  });
  await assert.rejects(ended, { code: 7, killed: false });
});

test('twenty sessions open and close', async () => {
  for (let round = 0; round < 20; round++) {
    const session = await open(pairModel());
    assert.deepEqual((await session.run({ a: floats(round), b: floats(2) })).product, floats(2 * round));
    await session.close();
  }
});

test('profiling leaves a trace of every operator', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-profile-'));
  t.after(() => rm(folder, { recursive: true }));
  const session = await runtime.createSession(pairModel(), {
    ...options,
    profilePrefix: join(folder, 'trace'),
  });
  await session.run({ a: floats(1), b: floats(2) });
  const path = await session.endProfiling?.();
  assert.ok(path);
  assert.ok(path.startsWith(join(folder, 'trace')));
  const events = JSON.parse(await readFile(path, 'utf8')) as { args?: { op_name?: string } }[];
  assert.ok(events.some((event) => event.args?.op_name === 'Mul'));
  await session.close();
});

// No device is needed to hold these: the CPU's allocator stands in for the device's.
for (const method of ['copy_tensors', 'identity'] as const) {
  test(`device tensors are written and read by ${method}`, async () => {
    const session = await open(pairModel([4]));
    const environment = callForPointer('CreateEnv', 4, 'test');
    const address = (session as unknown as { address: bigint }).address;
    const copier = new DeviceCopier(environment, address, options, method);
    const [a, b, sum] = ['a', 'b', 'sum'].map(() => new DeviceTensor(copier, 'float32', [4]));
    assert.ok(a && b && sum);
    assert.deepEqual(a.read(), new Float32Array(4));
    a.write(Float32Array.of(1, 2, 3, 4));
    b.write(Float32Array.of(10, 20, 30, 40));
    const binding = session.bind({ a, b }, { sum });
    await binding.run();
    assert.deepEqual(sum.read(), Float32Array.of(11, 22, 33, 44));
    const flags = new DeviceTensor(copier, 'bool', [2, 1]);
    flags.write(Uint8Array.of(1, 0));
    assert.deepEqual(flags.read(), Uint8Array.of(1, 0));
    binding.release();
    for (const tensor of [a, b, sum, flags]) tensor.release();
    copier.release();
    await session.close();
  });
}

test('a CUDA session without the provider library is refused with a sentence', async (t) => {
  if (chooseProvider('auto').provider === 'cuda') return t.skip('the CUDA provider is present');
  await assert.rejects(runtime.createSession(pairModel(), { provider: 'cuda', threads: 1 }), (error) => {
    assert.ok(error instanceof DdkError);
    assert.match(error.message, /CUDA|providers_/i);
    return true;
  });
});

test('auto takes CUDA only where its provider library lies beside the runtime', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-provider-'));
  t.after(() => rm(folder, { recursive: true }));
  assert.deepEqual(chooseProvider('auto', folder).provider, 'cpu');
  await writeFile(join(folder, 'libonnxruntime_providers_cuda.so'), '');
  assert.deepEqual(chooseProvider('auto', folder), {
    provider: 'cuda',
    why: 'libonnxruntime_providers_cuda.so is present',
  });
  assert.equal(chooseProvider('cpu', folder).provider, 'cpu');
  assert.equal(chooseProvider('cuda').provider, 'cuda');
});

test("ONNX Runtime's own telemetry is off", async () => {
  const session = await runtime.createSession(pairModel(), { provider: 'cpu', threads: 1 });
  await session.close();
  const traces = (await readdir('/tmp')).filter((name) => name === `mat-debug-${process.pid}.log`);
  assert.deepEqual(traces, []);
});
