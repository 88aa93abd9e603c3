// The scheduler's core: (state, event) -> { state, commands }. Pure; it knows neither clock, store, bus nor network.
import { type Command, commandsFor, type PublishedKind } from './commands.js';
import type { RunCreated, RunInput } from './events.js';
import { paused } from './moves.js';
import { applyReport } from './reports.js';
import { applyRequest, requestProblem } from './requests.js';
import { runMessage } from './run-record.js';
import { intervalAt, isWorking, type RunState } from './run-state.js';

export interface Transition {
  /** The very object that came in, where the event changes nothing. */
  readonly state: RunState;
  readonly commands: readonly Command[];
}

export function createRun(created: RunCreated): Transition {
  const state: RunState = {
    id: created.id,
    requestId: created.requestId,
    spec: created.spec,
    domains: [],
    phase: { kind: 'preparing' },
    interval: 0,
    attempt: 1,
    failures: 0,
    failedAtStep: 0,
    intervalsPlanned: created.spec.training?.intervals ?? 0,
    intervals: [],
    checkpointDigest: created.spec.baseCheckpointDigest,
    best: undefined,
    exportDigest: '',
    createdAtMs: created.atMs,
    updatedAtMs: created.atMs,
  };
  return { state, commands: [publishChange(state), ...commandsFor(state)] };
}

/** Applies one event. Duplicated, stale and senseless events change nothing and command nothing. */
export function transition(state: RunState, input: RunInput): Transition {
  const next = apply(state, input);
  if (next === state) return { state, commands: [] };
  const stamped = { ...next, updatedAtMs: input.atMs };
  return { state: stamped, commands: [...announcements(state, stamped), ...commandsFor(stamped)] };
}

function apply(state: RunState, input: RunInput): RunState {
  switch (input.kind) {
    case 'pause_requested':
    case 'resume_requested':
    case 'cancel_requested':
    case 'extend_requested':
      return requestProblem(state, input) === undefined ? applyRequest(state, input) : state;
    case 'prepared':
    case 'gaps_measured':
    case 'interval_trained':
    case 'export_done':
    case 'work_failed':
    case 'work_lost':
      return input.attempt === state.attempt ? applyReport(state, input) : state;
    case 'run_stuck': {
      const { kind } = state.phase;
      return isWorking(kind) ? paused(state, kind, input.reason) : state;
    }
  }
}

function announcements(before: RunState, after: RunState): Command[] {
  const commands: Command[] = [];
  const plannedBefore = (intervalAt(before, after.interval)?.weights.length ?? 0) > 0;
  if (after.phase.kind === 'training' && !plannedBefore) {
    const { index, weights, factors } = intervalAt(after, after.interval)!;
    commands.push(publish({ $case: 'intervalPlanned', value: { interval: index, weights, factors } }));
  }
  if (before.phase.kind !== after.phase.kind || before.interval !== after.interval)
    commands.push(publishChange(after));
  return commands;
}

function publishChange(state: RunState): Command {
  const { state: name, reason, interval } = runMessage(state);
  return publish({ $case: 'runChanged', value: { state: name, reason, interval } });
}

function publish(event: PublishedKind): Command {
  return { kind: 'publish', event };
}
