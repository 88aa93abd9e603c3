// The scheduler's machine, one rule at a time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type MixtureState, planMixture } from '#mixture';
import { RunState as RunStateName } from '#proto/ddk/v1/types';
import { commandsFor, retryDelayMs } from '../../services/scheduler/commands.js';
import type { RunInput, WorkReport } from '../../services/scheduler/events.js';
import { transition } from '../../services/scheduler/machine.js';
import { mostFailures } from '../../services/scheduler/reports.js';
import { requestProblem } from '../../services/scheduler/requests.js';
import { intervalAt, type RunState } from '../../services/scheduler/run-state.js';
import { advance, domains, doneReport, historyOf, reasonOf, started } from './example.js';

const atMs = 5000;

function afterAll(state: RunState, ...inputs: RunInput[]): RunState {
  return inputs.reduce((current, input) => transition(current, input).state, state);
}

function failure(state: RunState, retryable: boolean, code = 'TEACHER_UNAVAILABLE', step = 0): WorkReport {
  const work = {
    preparing: 'prepare',
    measuring: 'evaluate',
    training: 'train',
    exporting: 'export',
  } as const;
  const { kind } = state.phase;
  assert.ok(kind in work);
  return {
    kind: 'work_failed',
    work: work[kind as keyof typeof work],
    interval: state.interval,
    attempt: state.attempt,
    reason: { code, message: 'The teacher does not answer.' },
    retryable,
    step,
    atMs,
  };
}

test('a run measures before every interval and once after the last, then exports', () => {
  const phases: string[] = [];
  let state = started({ intervals: 2 });
  while (state.phase.kind !== 'succeeded') {
    phases.push(`${state.phase.kind} ${state.interval}`);
    state = transition(state, doneReport(state)).state;
  }
  assert.deepEqual(phases, [
    'preparing 0',
    'measuring 0',
    'training 0',
    'measuring 1',
    'training 1',
    'measuring 2',
    'exporting 2',
  ]);
  assert.equal(state.checkpointDigest, 'sha256:base>0>1');
  assert.equal(state.exportDigest, 'export-of-sha256:base>0>1');
});

test('intervals record what was measured, planned and trained', () => {
  const intervals = historyOf(started({ intervals: 2 }));
  assert.deepEqual(
    intervals.map(({ index, firstStep, endStep }) => [index, firstStep, endStep]),
    [
      [0, 0, 10],
      [1, 10, 20],
      [2, 20, 20],
    ],
  );
  assert.deepEqual(
    intervals.map(({ baseCheckpointDigest, checkpointDigest }) => [baseCheckpointDigest, checkpointDigest]),
    [
      ['sha256:base', 'sha256:base>0'],
      ['sha256:base>0', 'sha256:base>0>1'],
      ['sha256:base>0>1', ''],
    ],
  );
  assert.deepEqual(intervals[2]!.weights, []);
  assert.equal(intervals[1]!.metricsDigest, 'metrics-1');
  assert.deepEqual(intervals[1]!.windowsDrawn, [1n, 2n, 3n]);
});

test('interval 0 is drawn uniformly, later ones by Eq. 2', () => {
  const intervals = historyOf(started({ intervals: 3 }));
  let mixture: MixtureState | undefined;
  for (const interval of intervals.slice(0, 3)) {
    const measurements = interval.gaps.map((gap, i) => ({
      studentLoss: gap.studentLoss,
      teacherLoss: gap.teacherLoss,
      trainingTokens: Number(domains[i]!.trainTokens),
    }));
    const plan = planMixture({ kind: 'ddk', alpha: 0.5 }, mixture, measurements);
    assert.deepEqual(interval.weights, plan.weights);
    assert.deepEqual(interval.factors, plan.state.factors);
    mixture = plan.state;
  }
  assert.deepEqual(intervals[0]!.weights, [1 / 3, 1 / 3, 1 / 3]);
  assert.ok(intervals[2]!.weights[2]! > intervals[2]!.weights[0]!);
});

test('each phase commands exactly its work, and the same again after a restart', () => {
  const training = advance(started(), 'training', 1);
  assert.deepEqual(commandsFor(training), [
    {
      kind: 'train',
      interval: 1,
      attempt: training.attempt,
      weights: intervalAt(training, 1)!.weights,
      baseCheckpointDigest: 'sha256:base>0',
      firstStep: 10,
      endStep: 20,
      delayMs: 0,
    },
  ]);
  const { state, commands } = transition(training, doneReport(training));
  assert.deepEqual(
    commands.filter((command) => command.kind !== 'publish'),
    commandsFor(state),
  );
  assert.deepEqual(commandsFor(state), [
    {
      kind: 'evaluate',
      interval: 2,
      attempt: state.attempt,
      checkpointDigest: 'sha256:base>0>1',
      delayMs: 0,
    },
  ]);
  assert.deepEqual(commandsFor(advance(started(), 'succeeded')), []);
});

test('changes and plans are told', () => {
  const measuring = advance(started(), 'measuring', 0);
  const { state, commands } = transition(measuring, doneReport(measuring));
  const { weights, factors } = state.intervals[0]!;
  assert.deepEqual(
    commands.filter((command) => command.kind === 'publish'),
    [
      { kind: 'publish', event: { $case: 'intervalPlanned', value: { interval: 0, weights, factors } } },
      {
        kind: 'publish',
        event: {
          $case: 'runChanged',
          value: { state: RunStateName.TRAINING, reason: undefined, interval: 0 },
        },
      },
    ],
  );
});

test('a report that comes twice, late or for another phase changes and commands nothing', () => {
  const measuring = advance(started(), 'measuring', 1);
  const training = advance(measuring, 'training', 1);
  const noise: RunInput[] = [
    doneReport(measuring),
    doneReport(advance(started(), 'training', 0)),
    { ...doneReport(training), attempt: training.attempt - 1 } as WorkReport,
    { ...doneReport(training), attempt: training.attempt + 1 } as WorkReport,
    { ...doneReport(training), interval: 0 } as WorkReport,
    { ...doneReport(training), step: 19 } as WorkReport,
    { ...doneReport(measuring), attempt: training.attempt } as WorkReport,
    { kind: 'export_done', attempt: training.attempt, exportDigest: 'x', atMs },
    { kind: 'prepared', attempt: training.attempt, domains: [], atMs },
    { ...failure(measuring, true), attempt: training.attempt } as WorkReport,
  ];
  for (const input of noise) {
    const { state, commands } = transition(training, input);
    assert.equal(
      state,
      training,
      JSON.stringify(input, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
    );
    assert.deepEqual(commands, []);
  }
});

test('a retryable failure is tried again under a new attempt, later each time, and pauses the run in the end', () => {
  let state = advance(started(), 'training', 0);
  const first = state.attempt;
  for (let failures = 1; failures < mostFailures; failures++) {
    state = transition(state, failure(state, true)).state;
    assert.equal(state.phase.kind, 'training');
    assert.equal(state.attempt, first + failures);
    const [command] = commandsFor(state);
    assert.ok(command?.kind === 'train');
    assert.equal(command.delayMs, 1000 * 2 ** (failures - 1));
  }
  state = transition(state, failure(state, true)).state;
  assert.equal(reasonOf(state).code, 'WORK_FAILED');
  assert.match(reasonOf(state).message, /5 attempts in a row failed, the last one with: The teacher/);
  assert.equal(retryDelayMs(30), 60_000);
});

test('failures are counted anew once the work gets further', () => {
  let state = advance(started(), 'training', 0);
  state = transition(state, failure(state, true)).state;
  assert.equal(state.failures, 1);
  assert.equal(advance(state, 'measuring').failures, 0);
});

test('failures between which steps were committed are not failures in a row', () => {
  let state = advance(started(), 'training', 1);
  for (let step = 11; step <= 19; step++) {
    state = transition(state, failure(state, true, 'WORKER_LOST', step)).state;
    assert.deepEqual([state.phase.kind, state.failures, state.failedAtStep], ['training', 1, step]);
  }
  for (let failures = 2; failures <= mostFailures; failures++)
    state = transition(state, failure(state, true, 'WORKER_LOST', 19)).state;
  assert.equal(state.phase.kind, 'paused');
});

test('a failure that trying again cannot mend pauses the run with its reason', () => {
  const state = advance(started(), 'training', 0);
  const paused = transition(state, failure(state, false, 'LOSS_NOT_FINITE')).state;
  assert.deepEqual(paused.phase, {
    kind: 'paused',
    from: 'training',
    reason: { code: 'LOSS_NOT_FINITE', message: 'The teacher does not answer.' },
  });
});

test('a run that cannot be prepared has failed', () => {
  const state = started();
  assert.equal(transition(state, failure(state, false)).state.phase.kind, 'failed');
});

test('work that was lost is assigned anew without counting as a failure', () => {
  const state = advance(started(), 'training', 1);
  const next = transition(state, { kind: 'work_lost', attempt: state.attempt, atMs }).state;
  assert.equal(next.attempt, state.attempt + 1);
  assert.equal(next.failures, 0);
  assert.equal(next.phase.kind, 'training');
});

test('pausing withdraws the work in hand, resuming assigns it under a new attempt', () => {
  const state = advance(started(), 'training', 1);
  const paused = transition(state, { kind: 'pause_requested', atMs }).state;
  assert.equal(reasonOf(paused).code, 'REQUESTED');
  assert.deepEqual(commandsFor(paused), [
    { kind: 'withdraw', work: 'train', interval: 1, attempt: state.attempt },
  ]);
  assert.equal(transition(paused, { kind: 'pause_requested', atMs }).state, paused);
  // What was committed before the withdrawal came is no longer this attempt's to report.
  const resumed = transition(paused, { kind: 'resume_requested', atMs }).state;
  assert.equal(resumed.phase.kind, 'training');
  assert.equal(transition(resumed, doneReport(state)).state, resumed);
  assert.equal(advance(resumed, 'succeeded').checkpointDigest, 'sha256:base>0>1');
});

test('cancelling ends the run for good, also while it is paused', () => {
  const state = advance(started(), 'measuring', 1);
  const cancelled = afterAll(state, { kind: 'cancel_requested', atMs });
  assert.deepEqual(cancelled.phase, { kind: 'cancelled', from: 'measuring' });
  assert.deepEqual(commandsFor(cancelled), [
    { kind: 'withdraw', work: 'evaluate', interval: 1, attempt: state.attempt },
  ]);
  for (const kind of ['resume_requested', 'pause_requested', 'cancel_requested'] as const) {
    assert.equal(transition(cancelled, { kind, atMs }).state, cancelled);
  }
  const whilePaused = afterAll(state, { kind: 'pause_requested', atMs }, { kind: 'cancel_requested', atMs });
  assert.deepEqual(whilePaused.phase, { kind: 'cancelled', from: 'measuring' });
});

test('a succeeded run that is extended trains on from its final gaps', () => {
  const done = advance(started({ intervals: 1 }), 'succeeded');
  const { state, commands } = transition(done, { kind: 'extend_requested', intervals: 2, atMs });
  assert.equal(state.phase.kind, 'training');
  assert.equal(state.interval, 1);
  assert.equal(state.intervalsPlanned, 3);
  assert.equal(state.exportDigest, '');
  assert.ok(
    commands.some((command) => command.kind === 'publish' && command.event.$case === 'intervalPlanned'),
  );
  const end = advance(state, 'succeeded');
  assert.equal(end.checkpointDigest, 'sha256:base>0>1>2');
  // Extending gives what planning all intervals at once gives.
  assert.deepEqual(
    historyOf(state).map(({ weights }) => weights),
    historyOf(started({ intervals: 3 })).map(({ weights }) => weights),
  );
});

test('a run may be extended while it works or is paused', () => {
  const extend: RunInput = { kind: 'extend_requested', intervals: 1, atMs };
  const pause: RunInput = { kind: 'pause_requested', atMs };
  const resume: RunInput = { kind: 'resume_requested', atMs };
  for (const phase of ['preparing', 'measuring', 'training', 'exporting']) {
    const state = advance(started({ intervals: 1 }), phase);
    const working = advance(transition(state, extend).state, 'succeeded');
    assert.equal(working.checkpointDigest, 'sha256:base>0>1', phase);
    const paused = afterAll(state, pause, extend);
    assert.equal(paused.phase.kind, 'paused');
    assert.equal(
      advance(transition(paused, resume).state, 'succeeded').checkpointDigest,
      'sha256:base>0>1',
      phase,
    );
  }
});

test('requests that make no sense are explained and change nothing', () => {
  const done = advance(started({ intervals: 1 }), 'succeeded');
  const cases: readonly (readonly [RunInput & { kind: `${string}_requested` }, RegExp])[] = [
    [{ kind: 'pause_requested', atMs }, /has succeeded and cannot be paused/],
    [{ kind: 'cancel_requested', atMs }, /has succeeded and cannot be cancelled/],
    [{ kind: 'resume_requested', atMs }, /extend it by some intervals/],
  ];
  for (const [request, message] of cases) {
    assert.match(requestProblem(done, request) ?? '', message);
    assert.equal(transition(done, request).state, done);
  }
  const cancelled = transition(started(), { kind: 'cancel_requested', atMs }).state;
  assert.match(
    requestProblem(cancelled, { kind: 'resume_requested', atMs }) ?? '',
    /been cancelled .* fork it/,
  );
  assert.equal(requestProblem(cancelled, { kind: 'cancel_requested', atMs }), undefined);
});

test('the best checkpoint is the one measured with the lowest mean student loss', () => {
  let state = started({ intervals: 3 });
  const losses = new Map([
    ['sha256:base', 3],
    ['sha256:base>0', 2],
    ['sha256:base>0>1', 1.5],
    ['sha256:base>0>1>2', 1.75],
  ]);
  while (state.phase.kind !== 'succeeded') {
    const report = doneReport(state);
    const loss = losses.get(state.checkpointDigest)!;
    const flat = domains.map(({ id, name }) => ({
      domainId: id,
      domain: name,
      studentLoss: loss,
      teacherLoss: 1,
      ratio: 1,
      positions: 1n,
    }));
    state = transition(state, report.kind === 'gaps_measured' ? { ...report, gaps: flat } : report).state;
  }
  assert.deepEqual(state.best, { checkpointDigest: 'sha256:base>0>1', loss: 1.5 });
});
