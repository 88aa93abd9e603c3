// Checkpoints, and that training is the same bits however it is cut into processes.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DdkError } from '#base';
import { secondMomentUnit } from '#nn';
import { openRuntime } from '#runtime';
import { openDiskStore, openMemoryStore } from '#store';
import {
  environmentDifferences,
  readCheckpoint,
  restoreCheckpoint,
  type StepSpec,
  saveCheckpoint,
  type TrainEngine,
} from '#train';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  benchSpec,
  openEngine,
  startingWeights,
  tinyConfig,
  tinySpec,
  trainUntil,
} from '../../support/training.js';

const runtime = await openRuntime();
after(() => runtime.close());
const details = { cursors: { drawn: [3, 1] }, mixtureVersion: 2, metrics: [{ step: 1, loss: 4.1 }] };

async function engineFor(spec: StepSpec, threads = 1): Promise<TrainEngine> {
  const engine = await openEngine(spec, threads, runtime);
  await engine.load(startingWeights(spec.config));
  return engine;
}

/** Every tensor of the state, as bytes. */
function stateBytes(engine: TrainEngine): Promise<Buffer> {
  return engine.snapshot(async (snapshot) =>
    Buffer.concat(snapshot.tensors.map(({ role, name }) => Buffer.from(snapshot.read(role, name).buffer))),
  );
}

test('with other betas, second moments go on where they were', async () => {
  const { artifacts } = openMemoryStore();
  const { optimizer } = tinySpec;
  const others = { ...tinySpec, optimizer: { ...optimizer, beta1: 0.8, beta2: 0.99 } };
  const [engine, other] = [await engineFor(tinySpec), await openEngine(others, 1, runtime)];
  await trainUntil(engine, 2);
  await restoreCheckpoint(other, (await saveCheckpoint(engine, artifacts, details)).digest, artifacts);
  // exp_avg_sq, which does not depend on how it is kept.
  const secondMoments = (from: TrainEngine): Promise<number[]> =>
    from.snapshot(async ({ tensors, read }) =>
      tensors
        .filter(({ role }) => role === 'v')
        .flatMap(({ role, name }) =>
          Array.from(read(role, name), (value) => value * secondMomentUnit(from.program.spec.optimizer)),
        ),
    );
  const [before, after] = [await secondMoments(engine), await secondMoments(other)];
  assert.ok(before.some((value) => value > 0));
  for (const [i, value] of before.entries()) assert.ok(Math.abs(after[i]! - value) <= 1e-6 * value);
  await Promise.all([engine.close(), other.close()]);
});

test('a checkpoint brings back every bit, and what the caller kept with it', async () => {
  const { artifacts } = openMemoryStore();
  const engine = await engineFor(tinySpec);
  await trainUntil(engine, 3);
  const { digest, manifest } = await saveCheckpoint(engine, artifacts, details);
  assert.equal(manifest.step, 3);
  assert.equal(manifest.weightsDigest, await engine.weightsDigest());
  assert.deepEqual(await readCheckpoint(digest, artifacts), manifest);
  const other = await openEngine(tinySpec, 1, runtime);
  assert.deepEqual(await restoreCheckpoint(other, digest, artifacts), { ...manifest, ...details });
  assert.equal(other.stepsDone, 3);
  assert.ok((await stateBytes(engine)).equals(await stateBytes(other)));
  // No step in between: the same bits give the same artifacts and the same manifest.
  assert.equal((await saveCheckpoint(other, artifacts, details)).digest, digest);
  await Promise.all([engine.close(), other.close()]);
});

test('a checkpoint is written into the store and nowhere else', async () => {
  const { artifacts } = openMemoryStore();
  const engine = await engineFor(tinySpec);
  // A process that is killed while it saves leaves nothing that nobody clears away.
  const { TMPDIR } = process.env;
  process.env.TMPDIR = '/no/such/folder';
  try {
    await saveCheckpoint(engine, artifacts, details);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
  await engine.close();
});

test('equal weights have equal digests whatever moments and step they come with', async () => {
  const [a, b] = [await engineFor(tinySpec), await engineFor(tinySpec)];
  const { artifacts } = openMemoryStore();
  assert.equal(await a.weightsDigest(), await b.weightsDigest());
  await trainUntil(a, 1);
  const trained = await a.weightsDigest();
  assert.notEqual(trained, await b.weightsDigest());
  const { manifest } = await saveCheckpoint(a, artifacts, details);
  assert.equal(manifest.weightsDigest, trained);
  await b.load({
    step: 99,
    read: ({ role, name }) => (role === 'parameter' ? a.parameter(name) : undefined),
  });
  assert.equal(await b.weightsDigest(), trained);
  await Promise.all([a.close(), b.close()]);
});

test('a checkpoint of another model, and bytes that are none, are refused', async () => {
  const { artifacts } = openMemoryStore();
  const engine = await engineFor(tinySpec);
  const { digest } = await saveCheckpoint(engine, artifacts, details);
  const other = await openEngine(
    { ...tinySpec, config: { ...tinyConfig, intermediateSize: 48 } },
    1,
    runtime,
  );
  await assert.rejects(restoreCheckpoint(other, digest, artifacts), (error) => {
    assert.ok(error instanceof DdkError && error.code === 'failed_precondition');
    assert.match(error.message, /gate_proj.weight should be F32 \[48, 16\] and is F32 \[32, 16\]/);
    return true;
  });
  const encode = (text: string) => new TextEncoder().encode(text);
  for (const text of ['', '[]', '{"formatVersion":1}', '{"formatVersion":1,"step":-1}']) {
    const bad = await artifacts.put(encode(text));
    await assert.rejects(
      readCheckpoint(bad.digest, artifacts),
      (error) =>
        error instanceof DdkError &&
        error.code === 'invalid_argument' &&
        /is not a checkpoint/.test(error.message),
    );
  }
  const newer = await artifacts.put(encode('{"formatVersion":2}'));
  await assert.rejects(readCheckpoint(newer.digest, artifacts), /format version 2/);
  await assert.rejects(
    readCheckpoint(`sha256:${'0'.repeat(64)}`, artifacts),
    (error) => (error as DdkError).code === 'not_found',
  );
  await Promise.all([engine.close(), other.close()]);
});

test('steps asked for while a checkpoint is saved come after it', async () => {
  const { artifacts } = openMemoryStore();
  const engine = await engineFor(tinySpec);
  const saved = saveCheckpoint(engine, artifacts, details);
  await trainUntil(engine, 2);
  const { manifest } = await saved;
  assert.equal(manifest.step, 0);
  const fresh = await engineFor(tinySpec);
  assert.equal(manifest.weightsDigest, await fresh.weightsDigest());
  await Promise.all([engine.close(), fresh.close()]);
});

test('the environment says what can no longer be promised', async () => {
  const engine = await engineFor(tinySpec);
  const { environment } = engine;
  assert.equal(environment.provider, 'cpu');
  assert.equal(environment.threads, 1);
  assert.equal(environment.ortVersion, runtime.version);
  assert.deepEqual(environment.shapes, { batch: 4, microBatches: 1, length: 8 });
  assert.deepEqual(environmentDifferences(environment, environment), []);
  const now = { ...environment, threads: 2, shapes: { ...environment.shapes, batch: 8 } };
  assert.deepEqual(environmentDifferences(environment, now), [
    'threads was 1 and is 2',
    'batch was 4 and is 8',
  ]);
  assert.match(environment.program, /^sha256:[0-9a-f]{64}$/);
  const other = { ...environment, program: `sha256:${'0'.repeat(64)}` };
  assert.match(environmentDifferences(other, environment).join(), /the graph of a step is another one/);
  await engine.close();
});

const script = fileURLToPath(new URL('../../support/train-process.js', import.meta.url));

/** Trains in a process of its own until `last` steps are done, and gives the checkpoint's digest and that of the weights. */
async function inFreshProcess(folder: string, shape: string, threads: number, from: string, last: number) {
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    folder,
    shape,
    String(threads),
    from,
    String(last),
  ]);
  return JSON.parse(stdout) as { digest: string; weightsDigest: string };
}

for (const [shape, spec, threads] of [
  ['tiny', tinySpec, 1],
  ['bench', benchSpec, 2],
] as const) {
  test(`8 steps, 3 + 5 steps and 8 processes of one step give equal bits (${shape}, ${threads} threads)`, async (t) => {
    const folder = await temporaryFolder(t);
    const store = await openDiskStore(folder);
    const engine = await engineFor(spec, threads);
    await trainUntil(engine, 8);
    const whole = await stateBytes(engine);
    const wholeDigest = await engine.weightsDigest();
    await engine.close();

    const first = await engineFor(spec, threads);
    await trainUntil(first, 3);
    const { digest } = await saveCheckpoint(first, store.artifacts, details);
    await first.close();
    const second = await openEngine(spec, threads, runtime);
    await restoreCheckpoint(second, digest, store.artifacts);
    await trainUntil(second, 8);
    assert.ok((await stateBytes(second)).equals(whole), '3 + 5 steps across a checkpoint');
    await second.close();

    let at = await inFreshProcess(folder, shape, threads, 'start', 1);
    for (let step = 2; step <= 8; step++) at = await inFreshProcess(folder, shape, threads, at.digest, step);
    assert.equal(at.weightsDigest, wholeDigest, '8 processes of one step');
    const third = await openEngine(spec, threads, runtime);
    await restoreCheckpoint(third, at.digest, store.artifacts);
    assert.ok((await stateBytes(third)).equals(whole), 'moments after 8 processes');
    await third.close();
    await store.close();
  });
}
