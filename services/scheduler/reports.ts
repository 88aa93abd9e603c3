// What became of assigned work, and where it takes the run.
import type { DomainGap, Interval } from '#proto/ddk/v1/types';
import type { Work, WorkReport } from './events.js';
import { boundedReason } from './limits.js';
import { dispatched, paused } from './moves.js';
import { brokenLoss, startTraining } from './planning.js';
import { intervalAt, isWorking, latestWith, type RunState, type WorkingPhase } from './run-state.js';

/** So many failures of one piece of work in a row, with no step committed between them, pause the run. */
export const mostFailures = 5;

/** The report must be of the outstanding attempt. One that does not belong to the phase changes nothing. */
export function applyReport(state: RunState, report: WorkReport): RunState {
  const { kind } = state.phase;
  switch (report.kind) {
    case 'prepared':
      if (kind !== 'preparing') return state;
      return { ...dispatched(state, 'measuring'), domains: report.domains };
    case 'gaps_measured':
      if (kind !== 'measuring' || report.interval !== state.interval) return state;
      return measured(state, report.gaps, report.atMs);
    case 'interval_trained': {
      const interval = intervalAt(state, state.interval);
      if (kind !== 'training' || report.interval !== state.interval || report.step !== interval?.endStep)
        return state;
      return trained(state, interval, report);
    }
    case 'export_done':
      if (kind !== 'exporting') return state;
      return { ...state, phase: { kind: 'succeeded' }, failures: 0, exportDigest: report.exportDigest };
    case 'work_failed':
      if (!isWorking(kind) || kind !== phaseOfWork[report.work]) return state;
      return report.interval === state.interval || report.work === 'prepare' || report.work === 'export'
        ? failed(state, kind, report)
        : state;
    case 'work_lost':
      return isWorking(kind) ? { ...state, attempt: state.attempt + 1 } : state;
  }
}

const phaseOfWork: Readonly<Record<Work, WorkingPhase>> = {
  prepare: 'preparing',
  evaluate: 'measuring',
  train: 'training',
  export: 'exporting',
};

function measured(state: RunState, gaps: readonly DomainGap[], atMs: number): RunState {
  const applied = intervalAt(state, state.interval - 1)?.endStep ?? 0;
  const inOrder = [...gaps].sort((a, b) => a.domainId - b.domainId);
  const interval: Interval = {
    index: state.interval,
    baseCheckpointDigest: state.checkpointDigest,
    gaps: inOrder,
    weights: [],
    factors: [],
    firstStep: applied,
    endStep: applied,
    checkpointDigest: '',
    metricsDigest: '',
    windowsDrawn: [],
    measuredAt: new Date(atMs),
    trainedAt: undefined,
  };
  const known = { ...state, intervals: latestWith(state, interval) };
  const rated = { ...known, best: betterOf(known, inOrder) };
  if (state.interval < state.intervalsPlanned) return startTraining(rated);
  const broken = brokenLoss(rated);
  return broken ? paused(rated, 'measuring', broken) : dispatched(rated, 'exporting');
}

function betterOf(state: RunState, gaps: readonly DomainGap[]): RunState['best'] {
  const loss = gaps.reduce((sum, gap) => sum + gap.studentLoss, 0) / gaps.length;
  const better = Number.isFinite(loss) && (state.best === undefined || loss < state.best.loss);
  return better ? { checkpointDigest: state.checkpointDigest, loss } : state.best;
}

function trained(
  state: RunState,
  interval: Interval,
  report: Extract<WorkReport, { kind: 'interval_trained' }>,
): RunState {
  const complete: Interval = {
    ...interval,
    checkpointDigest: report.checkpointDigest,
    metricsDigest: report.metricsDigest,
    windowsDrawn: [...report.windowsDrawn],
    trainedAt: new Date(report.atMs),
  };
  return {
    ...dispatched(state, 'measuring'),
    interval: state.interval + 1,
    intervals: latestWith(state, complete, state.interval + 1),
    checkpointDigest: report.checkpointDigest,
  };
}

function failed(
  state: RunState,
  kind: WorkingPhase,
  { reason, retryable, step }: Extract<WorkReport, { kind: 'work_failed' }>,
): RunState {
  if (!retryable) {
    return kind === 'preparing'
      ? { ...state, phase: { kind: 'failed', reason: boundedReason(reason) } }
      : paused(state, kind, reason);
  }
  const failures = step > state.failedAtStep ? 1 : state.failures + 1;
  if (failures < mostFailures) {
    return { ...state, attempt: state.attempt + 1, failures, failedAtStep: step };
  }
  const message = `${failures} attempts in a row failed, the last one with: ${reason.message}`;
  return paused({ ...state, failures, failedAtStep: step }, kind, { code: 'WORK_FAILED', message });
}
