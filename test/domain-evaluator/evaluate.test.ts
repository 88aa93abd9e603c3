// Measuring gaps over real gRPC and over the queue, against losses computed without the services.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { DdkError } from '#base';
import { openCorpus } from '#corpus';
import { type ModelFolder, scoringModel } from '#model';
import { tensor } from '#onnx';
import type { EvaluateGapsRequest } from '#proto/ddk/v1/domain_evaluator';
import { type DomainGap, EvaluationRecord, Provider, WorkState } from '#proto/ddk/v1/types';
import { decodeRunEvent, enqueueWork, runEventSubject } from '#work';
import {
  assignWork,
  domains,
  length,
  openScene,
  readRecord,
  recordKey,
  runId,
  type Scene,
  samples,
} from './scene.js';

/** Mean cross-entropy of a model on a domain, one window at a time. */
async function meanLoss(
  { runtime, store, corpusDigest }: Scene,
  model: ModelFolder,
  domain: number,
): Promise<number> {
  const { config, weights } = model;
  const graph = scoringModel({ config, weights, batch: 1, length, head: { kind: 'label_log_probs' } });
  const session = await runtime.createSession(graph.bytes, {
    provider: 'cpu',
    threads: 1,
    externalDataFolder: graph.externalDataFolder,
  });
  const corpus = await openCorpus(corpusDigest, store.artifacts);
  let sum = 0;
  let positions = 0;
  for await (const { ids, mask } of corpus.validation(domain)) {
    const all = [...ids];
    const { label_log_probs } = await session.run({
      input_ids: tensor('int64', [1, length], all.slice(0, -1)),
      labels: tensor('int64', [1, length], all.slice(1)),
    });
    for (const [t, counts] of mask.entries()) {
      if (counts === 0) continue;
      sum -= Number(label_log_probs!.data[t]);
      positions += 1;
    }
  }
  await corpus.close();
  await session.close();
  return sum / positions;
}

function ofCheckpoint(scene: Scene): EvaluateGapsRequest {
  const { corpusDigest, studentDigest, checkpointDigest, teacher } = scene;
  const value = { corpusDigest, studentDigest, checkpointDigest, teacherFingerprint: teacher.fingerprint };
  return { subject: { $case: 'checkpoint', value } };
}

function ofWork(attempt: number): EvaluateGapsRequest {
  return { subject: { $case: 'work', value: { runId, interval: 0, attempt } } };
}

async function evaluate(scene: Scene, request: EvaluateGapsRequest) {
  const gaps: DomainGap[] = [];
  const progress: [bigint, bigint][] = [];
  for await (const { event } of scene.client.evaluateGaps(request)) {
    if (event?.$case === 'gap') gaps.push(event.value);
    if (event?.$case === 'progress') progress.push([event.value.windowsDone, event.value.windowsTotal]);
  }
  return { gaps, progress };
}

/** Events of the run as they are told, by kind. */
async function listen(scene: Scene): Promise<string[]> {
  const kinds: string[] = [];
  await scene.bus.subscribe(runEventSubject('*', '>'), (message) => {
    const event = decodeRunEvent(message);
    if (event?.kind !== undefined && event.kind.$case !== 'progress') kinds.push(event.kind.$case);
  });
  return kinds;
}

test('gaps are the losses of both models on the held-out text, and the teacher is asked once', async (t) => {
  const scene = await openScene(t);
  const { gaps, progress } = await evaluate(scene, ofCheckpoint(scene));
  assert.deepEqual(
    gaps.map(({ domainId, domain, positions }) => ({ domainId, domain, positions })),
    domains.map((domain, domainId) => ({ domainId, domain, positions: BigInt(samples * length) })),
  );
  for (const { domainId, studentLoss, teacherLoss, ratio } of gaps) {
    assert.ok(Math.abs(studentLoss - (await meanLoss(scene, scene.student, domainId))) < 1e-5);
    assert.ok(Math.abs(teacherLoss - (await meanLoss(scene, scene.teacher, domainId))) < 1e-5);
    assert.equal(ratio, Math.exp(studentLoss - teacherLoss));
  }
  // 2 domains of 5 samples, student and teacher.
  assert.deepEqual(progress.at(-1), [20n, 20n]);
  const again = await evaluate(scene, ofCheckpoint(scene));
  assert.deepEqual(again.gaps, gaps);
  assert.deepEqual(again.progress.at(-1), [10n, 10n]);
});

test('work is committed to its record and told of, and told again when it comes again', async (t) => {
  const scene = await openScene(t);
  await assignWork(scene);
  const told = await listen(scene);
  const { gaps } = await evaluate(scene, ofWork(1));
  const record = await readRecord(scene);
  assert.equal(record.state, WorkState.COMPLETE);
  assert.match(record.worker, /^domain-evaluator\//);
  assert.deepEqual(record.gaps, gaps);
  const again = await evaluate(scene, ofWork(1));
  assert.deepEqual(again, { gaps, progress: [] });
  await delay(20);
  assert.deepEqual(told, ['gapsMeasured', 'gapsMeasured']);
});

test('work from the queue is done like work that is asked for', async (t) => {
  const scene = await openScene(t);
  await assignWork(scene);
  await enqueueWork(scene.bus, 'evaluate', { runId, interval: 0, attempt: 1 });
  while ((await readRecord(scene)).state !== WorkState.COMPLETE) await delay(10);
  assert.equal((await readRecord(scene)).gaps.length, 2);
});

test("another attempt's work, withdrawn work and unknown work are left alone", async (t) => {
  const scene = await openScene(t);
  await assert.rejects(evaluate(scene, ofWork(1)), (error: DdkError) => error.code === 'not_found');
  await assignWork(scene, { attempt: 2 });
  await assert.rejects(evaluate(scene, ofWork(1)), (error: DdkError) => {
    assert.equal(error.reason, 'ASSIGNMENT_LOST');
    return error.code === 'aborted';
  });
  assert.equal((await readRecord(scene)).state, WorkState.ASSIGNED);
});

test('a withdrawal ends the measuring within a moment', async (t) => {
  // Nobody listens on the discard port: the measuring waits for its teacher.
  const scene = await openScene(t, { teacherAddress: '127.0.0.1:9', teacherPatienceMs: 60_000 });
  await assignWork(scene);
  const measuring = evaluate(scene, ofWork(1));
  measuring.catch(() => {});
  while ((await readRecord(scene)).state !== WorkState.RUNNING) await delay(10);
  const { value, revision } = (await scene.store.records.get(recordKey))!;
  const withdrawn = { ...EvaluationRecord.decode(value), state: WorkState.WITHDRAWN };
  await scene.store.records.update(recordKey, EvaluationRecord.encode(withdrawn).finish(), revision);
  await assert.rejects(
    measuring,
    (error: DdkError) => error.code === 'aborted' && error.reason === 'ASSIGNMENT_LOST',
  );
  assert.equal((await readRecord(scene)).state, WorkState.WITHDRAWN);
});

test('a teacher that does not answer fails the attempt, which may be tried again', async (t) => {
  const scene = await openScene(t, { teacherAddress: '127.0.0.1:9', teacherPatienceMs: 200 });
  await assignWork(scene);
  const told = await listen(scene);
  await assert.rejects(evaluate(scene, ofWork(1)), (error: DdkError) => error.retryable);
  const record = await readRecord(scene);
  assert.equal(record.state, WorkState.FAILED);
  assert.equal(record.failureRetryable, true);
  await delay(20);
  assert.deepEqual(told, ['workFailed']);
});

test('a student whose weights are broken fails for good, with the domain named', async (t) => {
  const scene = await openScene(t, {
    parameter: (name, values) => (name === 'model.norm.weight' ? values.fill(Number.NaN) : values),
  });
  await assignWork(scene);
  await assert.rejects(evaluate(scene, ofWork(1)), /student's loss on domain "letters" is NaN/);
  const record = await readRecord(scene);
  assert.equal(record.failure?.code, 'LOSS_NOT_FINITE');
  assert.equal(record.failureRetryable, false);
});

test('what cannot be measured is refused with all that is wrong', async (t) => {
  const scene = await openScene(t);
  const value = {
    corpusDigest: 'x',
    studentDigest: '',
    checkpointDigest: scene.checkpointDigest,
    teacherFingerprint: '',
  };
  await assert.rejects(evaluate(scene, { subject: { $case: 'checkpoint', value } }), (error: DdkError) => {
    assert.equal(error.code, 'invalid_argument');
    assert.deepEqual(
      error.violations.map(({ field }) => field),
      ['checkpoint.corpus_digest', 'checkpoint.student_digest', 'checkpoint.teacher_fingerprint'],
    );
    return true;
  });
  await assert.rejects(
    evaluate(scene, { subject: undefined }),
    /subject is not set; give work or checkpoint/,
  );
  const { corpusDigest, studentDigest, checkpointDigest } = scene;
  const other = { corpusDigest, studentDigest, checkpointDigest, teacherFingerprint: 'sha256:other' };
  await assert.rejects(
    evaluate(scene, { subject: { $case: 'checkpoint', value: other } }),
    (error: DdkError) => {
      return error.code === 'failed_precondition' && /sha256:other is wanted/.test(error.message);
    },
  );
  const missing = {
    ...other,
    teacherFingerprint: scene.teacher.fingerprint,
    checkpointDigest: `sha256:${'0'.repeat(64)}`,
  };
  await assert.rejects(
    evaluate(scene, { subject: { $case: 'checkpoint', value: missing } }),
    (error: DdkError) => error.code === 'not_found',
  );
});

test('artifacts that are something else than their field says, and a checkpoint of another model, are refused by that field', async (t) => {
  const scene = await openScene(t);
  const { corpusDigest, studentDigest, checkpointDigest, teacher, otherCheckpointDigest } = scene;
  const good = { corpusDigest, studentDigest, checkpointDigest, teacherFingerprint: teacher.fingerprint };
  const absent = `sha256:${'0'.repeat(64)}`;
  const cases: readonly (readonly [Partial<typeof good>, DdkError['code'], string, RegExp])[] = [
    [{ corpusDigest: checkpointDigest }, 'invalid_argument', 'corpus_digest', /is not a corpus manifest/],
    [{ corpusDigest: absent }, 'not_found', 'corpus_digest', /is not in the store/],
    [{ studentDigest: corpusDigest }, 'invalid_argument', 'student_digest', /not the manifest of a student/],
    [{ studentDigest: absent }, 'not_found', 'student_digest', /is not in the store/],
    [{ checkpointDigest: corpusDigest }, 'invalid_argument', 'checkpoint_digest', /is not a checkpoint/],
    [{ checkpointDigest: absent }, 'not_found', 'checkpoint_digest', /is not in the store/],
    [
      { checkpointDigest: otherCheckpointDigest },
      'invalid_argument',
      'checkpoint_digest',
      /of another model than the student: .* is \[257, 32\] and config\.json asks for \[257, 16\]/,
    ],
  ];
  for (const [changes, code, field, message] of cases) {
    const value = { ...good, ...changes };
    await assert.rejects(evaluate(scene, { subject: { $case: 'checkpoint', value } }), (error: DdkError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.deepEqual(
        error.violations.map((violation) => violation.field),
        [`checkpoint.${field}`],
      );
      return true;
    });
  }
});

test('work on a checkpoint of another model fails for good, with what differs', async (t) => {
  const scene = await openScene(t);
  await assignWork(scene, { checkpointDigest: scene.otherCheckpointDigest });
  await assert.rejects(evaluate(scene, ofWork(1)), /is of another model than the student/);
  const record = await readRecord(scene);
  assert.deepEqual([record.failure?.code, record.failureRetryable], ['CHECKPOINT_OF_ANOTHER_MODEL', false]);
});

test('an evaluator says where it computes and how it is; without its teacher it does not serve', async (t) => {
  const well = await openScene(t);
  assert.deepEqual(await well.health.check({ service: '' }), { status: 'SERVING' });
  const described = await well.client.describeEvaluator({});
  assert.deepEqual([described.provider, described.providerReason], [Provider.CPU, 'set to cpu']);
  assert.deepEqual([described.runtimeVersion, described.threads], [well.runtime.version, 1]);
  assert.deepEqual(
    described.checks.map(({ name, healthy }) => [name, healthy]).sort(),
    ['bus', 'session', 'store', 'teacher'].map((name) => [name, true]),
  );
  // Nobody listens on the discard port.
  const alone = await openScene(t, { teacherAddress: '127.0.0.1:9' });
  assert.deepEqual(await alone.health.check({ service: '' }), { status: 'NOT_SERVING' });
  const { checks } = await alone.client.describeEvaluator({});
  const ill = checks.filter(({ healthy }) => !healthy);
  assert.deepEqual(
    ill.map(({ name }) => name),
    ['teacher'],
  );
  assert.match(ill[0]?.detail ?? '', /the teacher at 127\.0\.0\.1:9 does not answer/);
});

test('an id that no run can have is refused by its field', async (t) => {
  const scene = await openScene(t);
  for (const bad of ['../x', '', 'a..b']) {
    const subject = { $case: 'work', value: { runId: bad, interval: 0, attempt: 1 } } as const;
    await assert.rejects(evaluate(scene, { subject }), (error: DdkError) => {
      assert.deepEqual(
        [error.code, ...error.violations.map(({ field }) => field)],
        ['invalid_argument', 'work.run_id'],
      );
      return true;
    });
  }
});
