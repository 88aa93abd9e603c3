// What pauses a run with a reason of its own: measurements that no mixture can be planned from.
import assert from 'node:assert/strict';
import test from 'node:test';
import { transition } from '../../services/scheduler/machine.js';
import { advance, domains, doneReport, gapsOf, reasonOf, started } from './example.js';

const atMs = 5000;

test('a loss that is not finite, or as good as that, pauses the run, even after the last interval', () => {
  for (const [interval, studentLoss] of [0, 1, 2].flatMap((i) =>
    [Number.NaN, 1000].map((l) => [i, l] as const),
  )) {
    const measuring = advance(started({ intervals: 2 }), 'measuring', interval);
    const report = doneReport(measuring);
    assert.ok(report.kind === 'gaps_measured');
    const broken = report.gaps.map((gap, i) => (i === 1 ? { ...gap, studentLoss } : gap));
    const paused = transition(measuring, { ...report, gaps: broken }).state;
    assert.equal(reasonOf(paused).code, 'LOSS_NOT_FINITE');
    assert.match(reasonOf(paused).message, /student's validation loss on domain "prose" is (NaN|1000\.00)/);
    if (interval > 0) assert.equal(paused.best?.loss, measuring.best?.loss);
    // Measured again and found well, the run goes on as if nothing had been.
    const resumed = transition(paused, { kind: 'resume_requested', atMs }).state;
    assert.equal(resumed.phase.kind, 'measuring');
    assert.equal(advance(resumed, 'succeeded').checkpointDigest, 'sha256:base>0>1');
  }
});

test('a mixture that collapses pauses the run with the reason', () => {
  let state = started({ intervals: 30, alpha: 1 });
  while (state.phase.kind !== 'paused' && state.phase.kind !== 'succeeded') {
    const report = doneReport(state);
    // Gaps that training never closes.
    state = transition(
      state,
      report.kind === 'gaps_measured' ? { ...report, gaps: gapsOf('x', 0) } : report,
    ).state;
  }
  assert.equal(reasonOf(state).code, 'MIXTURE_COLLAPSED');
});

test('an empty domain pauses the run before anything is trained', () => {
  const report = doneReport(started());
  assert.ok(report.kind === 'prepared');
  const empty = domains.map((domain) => (domain.id === 2 ? { ...domain, trainTokens: 0n } : domain));
  const measuring = transition(started(), { ...report, domains: empty }).state;
  const paused = transition(measuring, doneReport(measuring)).state;
  assert.equal(reasonOf(paused).code, 'DOMAIN_EMPTY');
});

test('a measurement of other domains pauses the run', () => {
  const measuring = advance(started(), 'measuring', 0);
  const report = doneReport(measuring);
  assert.ok(report.kind === 'gaps_measured');
  for (const gaps of [report.gaps.slice(1), [...report.gaps, report.gaps[0]!], []]) {
    assert.equal(reasonOf(transition(measuring, { ...report, gaps }).state).code, 'DOMAINS_CHANGED');
  }
  const shuffled = transition(measuring, { ...report, gaps: [...report.gaps].reverse() }).state;
  assert.deepEqual(shuffled, transition(measuring, report).state);
});
