// One training step: what it computes, and what it leaves untouched when it fails.
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { DdkError, type ErrorCode } from '#base';
import { openRuntime } from '#runtime';
import { compileStep, type StepSpec, type TrainEngine, type TrainRow } from '#train';
import {
  openEngine,
  rowsOfStep,
  startingWeights,
  tinyConfig,
  tinySpec,
  trainUntil,
} from '../../support/training.js';

const runtime = await openRuntime();
after(() => runtime.close());

async function engineFor(spec: StepSpec): Promise<TrainEngine> {
  const engine = await openEngine(spec, 1, runtime);
  await engine.load(startingWeights(spec.config));
  return engine;
}

function failure(code: ErrorCode, reason?: string) {
  return (error: unknown) =>
    error instanceof DdkError && error.code === code && (reason === undefined || error.reason === reason);
}

for (const targets of [{ kind: 'none' }, { kind: 'top_k', k: 4 }, { kind: 'dense' }] as const) {
  test(`the loss falls with ${targets.kind} targets`, async () => {
    const engine = await engineFor({ ...tinySpec, targets });
    const ce: number[] = [];
    for (let step = 1; step <= 40; step++)
      ce.push((await engine.step(rowsOfStep(engine.program.spec, step), 0.02)).ce);
    // ln 64 = 4.16 at the start. The next token is a function of the last: all of it can be learnt.
    const [first, last] = [ce[0] as number, ce.at(-1) as number];
    assert.ok(Math.abs(first - Math.log(64)) < 0.1 && last < 2, `${first} -> ${last}`);
    await engine.close();
  });
}

test('metrics are means over counted positions, for the step and by domain', async () => {
  const engine = await engineFor(tinySpec);
  const metrics = await engine.step(rowsOfStep(tinySpec, 1), 1e-3);
  assert.equal(metrics.step, 1);
  // Rows 0 and 2 count 8 positions each; rows 1 and 3, of domain 1, mask their first 3.
  assert.equal(metrics.tokens, 26);
  assert.deepEqual(
    metrics.domains.map(({ domain, tokens }) => [domain, tokens]),
    [
      [0, 16],
      [1, 10],
    ],
  );
  for (const key of ['loss', 'ce', 'kl'] as const) {
    const [a, b] = metrics.domains;
    assert.ok(a && b);
    assert.ok(Math.abs((16 * a[key] + 10 * b[key]) / 26 - metrics[key]) < 1e-12);
  }
  assert.ok(Math.abs(metrics.ce + 0.5 * metrics.kl - metrics.loss) < 1e-12);
  // Nearly uniform at the start: ln 64 = 4.159.
  assert.ok(Math.abs(metrics.ce - Math.log(64)) < 0.1, String(metrics.ce));
  assert.ok(metrics.gradientNorm > 0 && metrics.durationMs > 0);
  await engine.close();
});

test('masked positions change nothing', async () => {
  const [a, b] = [await engineFor(tinySpec), await engineFor(tinySpec)];
  const rows = rowsOfStep(tinySpec, 1);
  // Labels 0 to 2 of row 1 are masked; ids are inputs as well, so only targets and the domain's label may change.
  const other = rows.map((row): TrainRow => {
    if (row.domain === 0 || row.targets?.kind !== 'top_k') return row;
    const ids = row.targets.ids.slice();
    ids.subarray(0, 12).forEach((id, i, all) => {
      all[i] = (id + 7) % 64;
    });
    return { ...row, targets: { ...row.targets, ids } };
  });
  await a.step(rows, 1e-3);
  await b.step(other, 1e-3);
  assert.equal(await a.weightsDigest(), await b.weightsDigest());
  await Promise.all([a.close(), b.close()]);
});

test('m micro-batches equal one large batch within 1e-6', async () => {
  const whole = await engineFor(tinySpec);
  const parts = await engineFor({ ...tinySpec, batch: 1, microBatches: 4 });
  const rows = rowsOfStep(tinySpec, 1);
  const [one, four] = [await whole.step(rows, 1e-3), await parts.step(rows, 1e-3)];
  for (const key of ['loss', 'ce', 'kl', 'gradientNorm'] as const) {
    assert.ok(
      Math.abs(one[key] - four[key]) < 1e-6 * Math.abs(one[key]),
      `${key}: ${one[key]} and ${four[key]}`,
    );
  }
  await whole.snapshot(async (a) =>
    parts.snapshot(async (b) => {
      for (const { role, name } of a.tensors) {
        // AdamW divides by the root of the second moment, so a parameter's first step is the sign of its gradient: only
        // the moments show the gradients themselves.
        if (role === 'parameter') continue;
        const [x, y] = [a.read(role, name), b.read(role, name)];
        const worst = x.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] as number))), 0);
        assert.ok(worst < 1e-6, `${role} of ${name} differs by ${worst}`);
      }
    }),
  );
  await Promise.all([whole.close(), parts.close()]);
});

test("the program's gradient is the slope of its loss", async () => {
  // With beta1 = 0 and no clipping the first moment after a step is the gradient itself.
  const spec: StepSpec = {
    ...tinySpec,
    optimizer: { ...tinySpec.optimizer, beta1: 0, clipNorm: 0, weightDecay: 0 },
  };
  const engine = await engineFor(spec);
  const rows = rowsOfStep(spec, 1);
  await engine.step(rows, 0);
  const gradients = await engine.snapshot(async (snapshot) => {
    const listed = snapshot.tensors.filter(({ role }) => role === 'm');
    return new Map(listed.map(({ name }) => [name, snapshot.read('m', name)]));
  });
  const start = startingWeights(spec.config);
  const lossAt = async (moved: string, distance: number): Promise<number> => {
    await engine.load({
      step: 0,
      read: async (tensor) => {
        const data = await start.read(tensor);
        const along = gradients.get(moved);
        if (tensor.role !== 'parameter' || tensor.name !== moved || !data || !along) return data;
        const length = Math.hypot(...along);
        return data.map((value, i) => value + (distance * (along[i] as number)) / length);
      },
    });
    return (await engine.step(rows, 0)).loss;
  };
  for (const [name, gradient] of gradients) {
    // Along the unit gradient the slope is its norm. Losses are float32 sums: an error of about 1e-6 over 2h.
    const norm = Math.hypot(...gradient);
    const h = 0.02;
    const slope = ((await lossAt(name, h)) - (await lossAt(name, -h))) / (2 * h);
    assert.ok(Math.abs(slope - norm) < 3e-3 * norm + 1e-4, `${name}: slope ${slope}, gradient ${norm}`);
  }
  await engine.close();
});

test('weights are clipped to the norm and decayed as AdamW does', async () => {
  const { optimizer } = tinySpec;
  const spec: StepSpec = { ...tinySpec, optimizer: { ...optimizer, clipNorm: 0.01 } };
  const engine = await engineFor(spec);
  const before = await engine.parameter('model.layers.0.mlp.up_proj.weight');
  const { gradientNorm } = await engine.step(rowsOfStep(spec, 1), 0.1);
  assert.ok(gradientNorm > 0.01);
  const squares = await engine.snapshot(async (snapshot) =>
    snapshot.tensors
      .filter(({ role }) => role === 'm')
      .reduce((sum, { name }) => sum + snapshot.read('m', name).reduce((s, x) => s + x * x, 0), 0),
  );
  // m = (1 - beta1) * clipped gradient after the first step.
  assert.ok(Math.abs(Math.sqrt(squares) / (1 - optimizer.beta1) - 0.01) < 1e-6);
  // The first AdamW update is lr * sign(g) beside the decay lr * 0.1 * w.
  const after = await engine.parameter('model.layers.0.mlp.up_proj.weight');
  const moved = after.map((value, i) => Math.abs(value - (before[i] as number) * (1 - 0.1 * 0.1)));
  assert.ok(moved.every((distance) => distance < 0.1 + 1e-6) && moved.some((distance) => distance > 0.099));
  await engine.close();
});

test('a step that is not finite is refused and leaves the state as it was', async () => {
  const engine = await engineFor(tinySpec);
  await trainUntil(engine, 2);
  const before = await engine.weightsDigest();
  const rows = rowsOfStep(tinySpec, 3).map((row): TrainRow => {
    if (row.targets?.kind !== 'top_k') return row;
    return { ...row, targets: { ...row.targets, logProbs: row.targets.logProbs.map(() => Number.NaN) } };
  });
  await assert.rejects(engine.step(rows, 1e-3), failure('failed_precondition', 'LOSS_NOT_FINITE'));
  await assert.rejects(engine.step(rows, 1e-3), /step 3 has loss NaN/);
  assert.equal(engine.stepsDone, 2);
  assert.equal(await engine.weightsDigest(), before);
  // Training goes on as if nothing had happened.
  const other = await engineFor(tinySpec);
  await Promise.all([trainUntil(engine, 3), trainUntil(other, 3)]);
  assert.equal(await engine.weightsDigest(), await other.weightsDigest());
  await Promise.all([engine.close(), other.close()]);
});

test('a cancelled step leaves the state as it was', async () => {
  // Long enough to be cancelled half-way: 64 micro-batches in a Loop.
  const spec: StepSpec = { ...tinySpec, microBatches: 64 };
  const engine = await engineFor(spec);
  await trainUntil(engine, 1);
  const before = await engine.weightsDigest();
  const controller = new AbortController();
  const cancelled = engine.step(rowsOfStep(spec, 2), 1e-3, { signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  await assert.rejects(cancelled, failure('cancelled'));
  assert.equal(engine.stepsDone, 1);
  assert.equal(await engine.weightsDigest(), before);
  const other = await engineFor(spec);
  await Promise.all([trainUntil(engine, 2), trainUntil(other, 2)]);
  assert.equal(await engine.weightsDigest(), await other.weightsDigest());
  await Promise.all([engine.close(), other.close()]);
});

test('the event loop stays free during a step', async () => {
  const spec: StepSpec = { ...tinySpec, microBatches: 64 };
  const engine = await engineFor(spec);
  const rows = rowsOfStep(spec, 1);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await engine.step(rows, 1e-3);
  clearInterval(timer);
  assert.ok(turns >= 2, `${turns} turns`);
  await engine.close();
});

test('rows that do not fit the step are refused, naming what is wrong', async () => {
  const engine = await engineFor(tinySpec);
  const rows = rowsOfStep(tinySpec, 1);
  const first = rows[0] as TrainRow;
  const withFirst = (row: TrainRow): TrainRow[] => [row, ...rows.slice(1)];
  const ids = first.ids.slice();
  ids[4] = 64;
  const { targets } = first;
  assert.ok(targets?.kind === 'top_k');
  const wrong: [TrainRow[], RegExp][] = [
    [rows.slice(1), /takes 4 rows and got 3/],
    [withFirst({ ...first, ids: ids.slice(1) }), /row 0 has 8 ids/],
    [withFirst({ ...first, ids }), /row 0 contains token id 64; the vocabulary has 64/],
    [withFirst({ domain: 0, ids: first.ids, mask: first.mask }), /row 0 has no targets/],
    [withFirst({ ...first, targets: { ...targets, k: 2 } }), /row 0 lists 2 entries a position, the step 4/],
    [
      withFirst({ ...first, targets: { ...targets, ids: targets.ids.map(() => -1) } }),
      /targets of row 0.*-1/,
    ],
    [rows.map((row) => ({ ...row, mask: new Uint8Array(8) })), /no position of the step counts/],
  ];
  for (const [given, sentence] of wrong) await assert.rejects(engine.step(given, 1e-3), sentence);
  await assert.rejects(engine.step(rows, Number.NaN), /learning rate is NaN/);
  assert.equal(engine.stepsDone, 0);
  await engine.close();
  await assert.rejects(engine.step(rows, 1e-3), /closed/);
});

test('an engine without weights, or with some missing, trains nothing', async () => {
  const engine = await openEngine(tinySpec, 1, runtime);
  await assert.rejects(engine.step(rowsOfStep(tinySpec, 1), 1e-3), /no weights/);
  const source = startingWeights(tinyConfig);
  const lacking = {
    step: 0,
    read: (t: Parameters<typeof source.read>[0]) =>
      t.name === 'model.norm.weight' ? undefined : source.read(t),
  };
  await assert.rejects(engine.load(lacking), /the weights lack parameter model.norm.weight/);
  await assert.rejects(engine.step(rowsOfStep(tinySpec, 1), 1e-3), /no weights/);
  await engine.close();
});

test('state in host memory is filled and looked at where it lies', async () => {
  const engine = await openEngine(tinySpec, 1, runtime);
  const source = startingWeights(tinyConfig);
  const rooms = new Map<string, ArrayBuffer>();
  await engine.load({
    step: 0,
    read: (tensor, room) => {
      assert.ok(room, 'the CPU keeps its state in host memory');
      if (tensor.role !== 'parameter') return undefined;
      rooms.set(tensor.name, room.buffer);
      room.set(source.read(tensor) as Float32Array);
      return room;
    },
  });
  await engine.snapshot(async ({ peek, read }) => {
    for (const [name, buffer] of rooms) {
      assert.equal(peek('parameter', name).buffer, buffer);
      assert.notEqual(read('parameter', name).buffer, buffer);
      assert.deepEqual(read('parameter', name), peek('parameter', name));
      assert.ok(peek('v', name).every((x) => x === 0));
    }
  });
  const copied = await engineFor(tinySpec);
  assert.equal(await engine.weightsDigest(), await copied.weightsDigest());
  await Promise.all([engine.close(), copied.close()]);
});

for (const microBatches of [1, 2]) {
  test(`the gradient norm is the same whether or not it is clipped to, with ${microBatches} micro-batches`, async () => {
    const normsWith = async (clipNorm: number): Promise<number[]> => {
      const optimizer = { ...tinySpec.optimizer, clipNorm };
      const engine = await engineFor({ ...tinySpec, optimizer, batch: 4 / microBatches, microBatches });
      const norms: number[] = [];
      for (let step = 1; step <= 5; step++)
        norms.push((await engine.step(rowsOfStep(engine.program.spec, step), 0.02)).gradientNorm);
      await engine.close();
      return norms;
    };
    const [unclipped, neverReached] = [await normsWith(0), await normsWith(1e9)];
    assert.deepEqual(unclipped, neverReached);
    assert.ok(unclipped.every((norm) => norm > 0 && norm < 5));
  });
}

test('the smallest parameter is updated last, so that no update waits in memory for the gradients', () => {
  const { model, state } = compileStep(tinySpec);
  const sizes = new Map(state.map(({ output, shape }) => [output, shape.reduce((p, d) => p * d, 1)]));
  const updated = model.graph.outputs.map(({ name }) => sizes.get(name)).filter((size) => size !== undefined);
  assert.equal(updated.length, state.length);
  assert.equal(updated.at(-1), Math.min(...updated));
});

test('a spec out of range is refused with all its problems', () => {
  const spec: StepSpec = {
    ...tinySpec,
    batch: 0,
    length: 17,
    targets: { kind: 'top_k', k: 65 },
    optimizer: { ...tinySpec.optimizer, beta1: 1 },
  };
  assert.throws(
    () => compileStep(spec),
    (error) => {
      assert.ok(error instanceof DdkError);
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        ['batch', 'length', 'targets.k', 'optimizer.beta1'],
      );
      return true;
    },
  );
});

test('tied embeddings train as well', async () => {
  const engine = await engineFor({ ...tinySpec, config: { ...tinyConfig, tieEmbeddings: true } });
  const losses = await trainUntil(engine, 20);
  assert.ok((losses.at(-1) as number) < (losses[0] as number));
  await engine.close();
});
