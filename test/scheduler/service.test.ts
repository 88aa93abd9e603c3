// The scheduler over gRPC: what its callers get, and what their mistakes meet.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DdkError, type ErrorCode } from '#base';
import type { PreviewMixtureRequest, WatchRunResponse } from '#proto/ddk/v1/scheduler';
import { type DomainGap, MixturePolicy, type RunSpec, RunState } from '#proto/ddk/v1/types';
import { workQueues } from '#work';
import { startFakeWorkers } from './fake-workers.js';
import { serviceScene, smallCheckpoint, smallStudent } from './service-scene.js';

async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<DdkError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof DdkError, `threw ${error}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  throw new Error('nothing was refused');
}

test('a run is created, watched to its end and shown', async (t) => {
  const { scheduler, spec, store, bus } = await serviceScene(t);
  const { run } = await scheduler.createRun({ requestId: 'one', spec });
  assert.equal(run?.state, RunState.PREPARING);
  const updates: WatchRunResponse[] = [];
  for await (const update of scheduler.watchRun({ run: 'example', afterRevision: 0n })) {
    if (updates.push(update) === 1) await startFakeWorkers(store, bus);
  }
  const versions = updates.flatMap(({ update }) => (update?.$case === 'run' ? [update.value] : []));
  const last = versions.at(-1)!;
  assert.equal(last.state, RunState.SUCCEEDED);
  assert.deepEqual(
    last.domains.map(({ id, name }) => [id, name]),
    [
      [0, 'code'],
      [1, 'prose'],
      [2, 'mail'],
    ],
  );
  assert.ok(last.domains.every(({ trainTokens, trainWindows }) => trainTokens > 0n && trainWindows > 0n));
  assert.ok(updates.some(({ update }) => update?.$case === 'progress'));
  const revisions = versions.map(({ revision }) => revision);
  assert.deepEqual(
    revisions,
    [...revisions].sort((a, b) => Number(a - b)),
  );

  const byId = await scheduler.getRun({ run: last.id });
  const byName = await scheduler.getRun({ run: 'example' });
  assert.deepEqual(byId.run, last);
  assert.deepEqual(byName.run, last);
  assert.equal(last.checkpointDigest, `${spec.baseCheckpointDigest}>0>1`);

  // Watching goes on from a revision, and ends at once where there is nothing more to come.
  const rest: WatchRunResponse[] = [];
  for await (const update of scheduler.watchRun({ run: last.id, afterRevision: last.revision }))
    rest.push(update);
  assert.deepEqual(rest, []);
});

test('the same request makes the run once', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  const [first, second] = await Promise.all([
    scheduler.createRun({ requestId: 'again', spec }),
    scheduler.createRun({ requestId: 'again', spec }),
  ]);
  assert.equal(first.run?.id, second.run?.id);
  const third = await scheduler.createRun({ requestId: 'again', spec });
  assert.equal(third.run?.id, first.run?.id);
  assert.equal((await scheduler.listRuns({ pageSize: 0, pageToken: '' })).runs.length, 1);

  const changed: RunSpec = { ...spec, training: { ...spec.training!, intervals: 3 } };
  const reused = await refusal(scheduler.createRun({ requestId: 'again', spec: changed }), 'already_exists');
  assert.match(reused.message, /from another spec; use a new request id/);
  const taken = await refusal(scheduler.createRun({ requestId: 'new', spec: changed }), 'already_exists');
  assert.match(taken.message, /There is a run named "example" already .* choose another name/);
  // The refused request has claimed nothing.
  await scheduler.createRun({ requestId: 'new', spec: { ...changed, name: 'other' } });
});

test('every problem of a spec is told at once', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  const broken: RunSpec = {
    ...spec,
    name: 'Not A Name',
    corpusDigest: 'corpus',
    mixture: { ...spec.mixture!, alpha: 1.5, ratioClip: 0.5 },
    objective: { ...spec.objective!, temperature: 0 },
    targets: { kind: { $case: 'topK', value: { k: 0 } } },
    optimizer: { ...spec.optimizer!, peakLearningRate: Number.NaN, beta2: 1 },
    training: { ...spec.training!, batchSize: 10, microBatches: 3, intervals: 0 },
  };
  const error = await refusal(scheduler.createRun({ requestId: 'broken', spec: broken }), 'invalid_argument');
  assert.deepEqual(error.violations.map(({ field }) => field).sort(), [
    'spec.corpus_digest',
    'spec.mixture.alpha',
    'spec.mixture.ratio_clip',
    'spec.name',
    'spec.objective.temperature',
    'spec.optimizer.beta2',
    'spec.optimizer.minimum_learning_rate',
    'spec.optimizer.peak_learning_rate',
    'spec.targets.top_k.k',
    'spec.training.intervals',
    'spec.training.micro_batches',
  ]);
  const none = await refusal(scheduler.createRun({ requestId: 'none', spec: undefined }), 'invalid_argument');
  assert.match(none.message, /spec is missing/);
  await refusal(scheduler.createRun({ requestId: '', spec }), 'invalid_argument');
});

test('names that could not be keys are refused', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  for (const name of ['', 'a..b', 'a.', '.a', '../a', 'a/b', 'x'.repeat(64), 'Ä']) {
    await refusal(scheduler.createRun({ requestId: 'name', spec: { ...spec, name } }), 'invalid_argument');
  }
});

test('what no run can be called is refused by its field, whatever is asked of it, and shown in short', async (t) => {
  const { scheduler } = await serviceScene(t);
  for (const run of ['', 'a..b', '../a', 'Ä', 'a'.repeat(5000), '\u0000'.repeat(5000)]) {
    for (const ask of [
      () => scheduler.getRun({ run }),
      () => scheduler.pauseRun({ run }),
      () => scheduler.resumeRun({ run, extendByIntervals: 0 }),
      () => scheduler.cancelRun({ run }),
      async () => {
        for await (const _ of scheduler.watchRun({ run, afterRevision: 0n })) return;
      },
    ]) {
      const error = await refusal(ask(), 'invalid_argument');
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        ['run'],
      );
      assert.match(error.message, /give the id or name of a run/);
      assert.ok(error.message.length < 1000, error.message);
    }
  }
  await refusal(scheduler.getRun({ run: 'a'.repeat(63) }), 'not_found');
});

test('inputs that are missing or do not fit one another are refused before anything is made', async (t) => {
  const { scheduler, spec, store, teacher } = await serviceScene(t);
  const create = (changes: Partial<RunSpec>) =>
    scheduler.createRun({ requestId: 'inputs', spec: { ...spec, ...changes } });
  const absent = `sha256:${'0'.repeat(64)}`;
  for (const field of ['corpusDigest', 'studentDigest', 'baseCheckpointDigest'] as const) {
    const error = await refusal(create({ [field]: absent }), 'not_found');
    assert.match(error.message, /is not in the store; upload it first/);
  }
  const short = await refusal(create({ studentDigest: await smallStudent(store, 8) }), 'invalid_argument');
  assert.match(short.message, /student_digest takes windows of 8 positions, but those of the corpus have 16/);
  const wide = { kind: { $case: 'topK', value: { k: 300 } } } as const;
  const wideError = await refusal(create({ targets: wide }), 'invalid_argument');
  assert.match(wideError.message, /top_k\.k must be below the vocabulary size 257/);
  const fixed = { policy: MixturePolicy.FIXED, alpha: 0, ratioClip: 0, weights: [1, 2] };
  const weights = await refusal(create({ mixture: fixed }), 'invalid_argument');
  assert.match(weights.message, /one weight per domain: 3/);
  assert.deepEqual(
    weights.violations.map(({ field }) => field),
    ['spec.mixture.weights'],
  );

  const honest = teacher.description;
  const lies = [
    [{ fingerprint: `sha256:${'c'.repeat(64)}` }, 'TEACHER_CHANGED'],
    [{ vocabularySize: 300 }, 'VOCABULARIES_DIFFER'],
    [{ tokenizerFingerprint: 'sha256:other' }, 'TOKENIZERS_DIFFER'],
  ] as const;
  for (const [lie, reason] of lies) {
    teacher.description = { ...honest, ...lie };
    assert.equal((await refusal(create({}), 'failed_precondition')).reason, reason);
  }
  teacher.description = { ...honest, maximumLength: 4 };
  await refusal(create({}), 'invalid_argument');
  assert.deepEqual((await scheduler.listRuns({ pageSize: 0, pageToken: '' })).runs, []);
  assert.deepEqual(await store.records.list('names/'), []);
});

test('artifacts that are something else than their field says, and a checkpoint of another model, are refused by that field', async (t) => {
  const { scheduler, spec, store } = await serviceScene(t);
  const { corpusDigest, studentDigest, baseCheckpointDigest } = spec;
  const create = (changes: Partial<RunSpec>) =>
    scheduler.createRun({ requestId: 'inputs', spec: { ...spec, ...changes } });
  const text = (await store.artifacts.put(Buffer.from('anything at all'))).digest;
  const cases: readonly (readonly [Partial<RunSpec>, string, RegExp])[] = [
    [{ corpusDigest: studentDigest }, 'spec.corpus_digest', /is not a corpus manifest/],
    [{ studentDigest: corpusDigest }, 'spec.student_digest', /is not the manifest of a student/],
    [{ studentDigest: text }, 'spec.student_digest', /is not the manifest of a student/],
    [{ baseCheckpointDigest: corpusDigest }, 'spec.base_checkpoint_digest', /is not a checkpoint/],
    [{ baseCheckpointDigest: text }, 'spec.base_checkpoint_digest', /is not a checkpoint: it is not JSON/],
    [{ baseCheckpointDigest: studentDigest }, 'spec.base_checkpoint_digest', /is not a checkpoint/],
    [
      { baseCheckpointDigest: await smallCheckpoint(store, { hiddenSize: 32, headDim: 16 }) },
      'spec.base_checkpoint_digest',
      /is of another model than the student: model\.embed_tokens\.weight is \[257, 32\] and config\.json asks for \[257, 16\]/,
    ],
    [
      { baseCheckpointDigest: await smallCheckpoint(store, { layers: 2 }) },
      'spec.base_checkpoint_digest',
      /model\.layers\.1\..* is a tensor that this architecture does not have/,
    ],
  ];
  for (const [changes, field, message] of cases) {
    const error = await refusal(create(changes), 'invalid_argument');
    assert.match(error.message, message);
    assert.deepEqual(
      error.violations.map((violation) => violation.field),
      [field],
    );
  }
  assert.deepEqual((await scheduler.listRuns({ pageSize: 0, pageToken: '' })).runs, []);
  await create({ baseCheckpointDigest });
});

test('without its teacher a scheduler does not serve, and says so with address and remedy; the rest is well', async (t) => {
  const { scheduler, spec, teacher, health } = await serviceScene(t);
  assert.deepEqual(await health.check({ service: '' }), { status: 'SERVING' });
  await teacher.server.close();
  const error = await refusal(scheduler.createRun({ requestId: 'alone', spec }), 'unavailable');
  const where = teacher.server.address.replaceAll('.', '\\.');
  assert.match(
    error.message,
    new RegExp(
      `^the teacher at ${where} does not answer: .*; start teacher-scoring there, .*DDK_TEACHER_ADDRESS\\.$`,
    ),
  );
  assert.doesNotMatch(error.message, /round_robin|Resolution note|Last error/);
  // A good answer of the teacher may be believed for some seconds.
  while ((await health.check({ service: '' })).status === 'SERVING') await delay(200);
  assert.deepEqual(await health.list({}), {
    statuses: {
      '': { status: 'NOT_SERVING' },
      'ddk.v1.SchedulerService': { status: 'NOT_SERVING' },
      'ddk.v1.SchedulerService/store': { status: 'SERVING' },
      'ddk.v1.SchedulerService/bus': { status: 'SERVING' },
      'ddk.v1.SchedulerService/teacher': { status: 'NOT_SERVING' },
    },
  });
});

test('a run is paused, resumed, extended and cancelled, and told why not where it cannot be', async (t) => {
  const { scheduler, spec, store, bus } = await serviceScene(t);
  const ended = async () => {
    for await (const { update } of scheduler.watchRun({ run: 'example', afterRevision: 0n })) {
      if (update?.$case === 'run' && update.value.state === RunState.SUCCEEDED) return update.value;
    }
    throw new Error('the run did not succeed');
  };
  await scheduler.createRun({ requestId: 'steer', spec });
  const notPaused = await refusal(
    scheduler.resumeRun({ run: 'example', extendByIntervals: 0 }),
    'failed_precondition',
  );
  assert.match(notPaused.message, /The run is not paused/);
  const { run: paused } = await scheduler.pauseRun({ run: 'example' });
  assert.equal(paused?.state, RunState.PAUSED);
  assert.equal(paused?.reason?.code, 'REQUESTED');
  assert.equal((await scheduler.pauseRun({ run: 'example' })).run?.revision, paused?.revision);

  const workers = await startFakeWorkers(store, bus);
  await scheduler.resumeRun({ run: 'example', extendByIntervals: 0 });
  assert.equal((await ended()).intervalsPlanned, 2);
  const over = await refusal(scheduler.pauseRun({ run: 'example' }), 'failed_precondition');
  assert.match(over.message, /has succeeded and cannot be paused/);

  const { run: extended } = await scheduler.resumeRun({ run: 'example', extendByIntervals: 1 });
  assert.equal(extended?.intervalsPlanned, 3);
  assert.equal((await ended()).checkpointDigest, `${spec.baseCheckpointDigest}>0>1>2`);
  await refusal(scheduler.cancelRun({ run: 'example' }), 'failed_precondition');
  await refusal(scheduler.cancelRun({ run: 'nobody' }), 'not_found');

  await workers.stop();
  await scheduler.createRun({ requestId: 'other', spec: { ...spec, name: 'other' } });
  assert.equal((await scheduler.cancelRun({ run: 'other' })).run?.state, RunState.CANCELLED);
  assert.equal((await scheduler.cancelRun({ run: 'other' })).run?.state, RunState.CANCELLED);
});

test('work that the bus has given up is assigned again', async (t) => {
  const { scheduler, spec, store, bus } = await serviceScene(t);
  // A worker that cannot make sense of anything.
  const stop = await bus.consume(
    workQueues.evaluate,
    { concurrency: 1, ackWaitMs: 1000, maxAttempts: 1 },
    (delivery) => delivery.terminate('it cannot be read'),
  );
  await scheduler.createRun({ requestId: 'dead', spec });
  for await (const { update } of scheduler.watchRun({ run: 'example', afterRevision: 0n })) {
    if (update?.$case !== 'run' || update.value.failures === 0) continue;
    assert.equal(update.value.state, RunState.MEASURING);
    await stop();
    await startFakeWorkers(store, bus);
    break;
  }
  for await (const { update } of scheduler.watchRun({ run: 'example', afterRevision: 0n })) {
    if (update?.$case === 'run' && update.value.state === RunState.SUCCEEDED) return;
  }
});

test('lists come in pages, the newest first', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await scheduler.createRun({ requestId: name, spec: { ...spec, name } });
  }
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await scheduler.listRuns({ pageSize: 2, pageToken });
    assert.ok(page.runs.length <= 2);
    names.push(...page.runs.map((run) => run.spec!.name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  assert.deepEqual([...names].sort(), ['a', 'b', 'c', 'd', 'e']);
  const all = await scheduler.listRuns({ pageSize: 0, pageToken: '' });
  assert.deepEqual(
    all.runs.map((run) => run.spec!.name),
    names,
  );
  await refusal(scheduler.listRuns({ pageSize: 501, pageToken: '' }), 'invalid_argument');
  await refusal(scheduler.listRuns({ pageSize: 0, pageToken: 'nonsense' }), 'invalid_argument');
});

test('a mixture is previewed without a run', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  const ratios = [1.8, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.1];
  const gaps: DomainGap[] = ratios.map((ratio, domainId) => ({
    domainId,
    domain: `domain-${domainId}`,
    studentLoss: 1 + Math.log(ratio),
    teacherLoss: 1,
    ratio,
    positions: 100n,
  }));
  const request = { mixture: spec.mixture, gaps, previousFactors: [], trainTokens: gaps.map(() => 10n) };
  const first = await scheduler.previewMixture(request);
  // The golden first step of Eq. 2, see the tests of #mixture.
  assert.ok(Math.abs(first.weights[0]! - 0.1693) < 5e-5);
  assert.ok(Math.abs(first.weights[9]! - 0.0794) < 5e-5);
  const second = await scheduler.previewMixture({ ...request, previousFactors: first.factors });
  assert.ok(second.weights[0]! > first.weights[0]!);

  await refusal(scheduler.previewMixture({ ...request, trainTokens: [1n] }), 'invalid_argument');
  await refusal(scheduler.previewMixture({ ...request, mixture: undefined }), 'invalid_argument');
  await refusal(
    scheduler.previewMixture({ ...request, mixture: { ...spec.mixture!, alpha: 2 } }),
    'invalid_argument',
  );
  const refusedFields = async (changes: Partial<PreviewMixtureRequest>) => {
    const error = await refusal(scheduler.previewMixture({ ...request, ...changes }), 'invalid_argument');
    return error.violations.map(({ field }) => field);
  };
  const two = { gaps: gaps.slice(0, 2), trainTokens: [10n, 10n] };
  assert.deepEqual(await refusedFields({ ...two, previousFactors: [-1, 2] }), ['previous_factors[0]']);
  assert.deepEqual(await refusedFields({ ...two, previousFactors: [5, 5] }), ['previous_factors[0]']);
  assert.deepEqual(await refusedFields({ ...two, previousFactors: [0.1, 0.1] }), ['previous_factors']);
  assert.deepEqual(await refusedFields({ ...two, previousFactors: [Number.NaN, 1] }), [
    'previous_factors[0]',
  ]);
  assert.deepEqual(await refusedFields({ ...two, previousFactors: [1] }), ['previous_factors']);
  assert.deepEqual(await refusedFields({ gaps: [], trainTokens: [1n], previousFactors: [1] }), [
    'gaps',
    'train_tokens',
    'previous_factors',
  ]);
  const broken = gaps.map((gap) => ({ ...gap, studentLoss: Number.NaN }));
  const error = await refusal(scheduler.previewMixture({ ...request, gaps: broken }), 'failed_precondition');
  assert.equal(error.reason, 'LOSS_NOT_FINITE');
});
