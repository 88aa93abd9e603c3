// What somebody may ask of a run, in which state it makes sense, and what it changes.
import { unreachable } from '#base';
import type { RunRequest } from './events.js';
import { extensionProblem } from './limits.js';
import { dispatched, paused } from './moves.js';
import { startTraining } from './planning.js';
import { isWorking, type RunState, type WorkingPhase } from './run-state.js';

/** Why a request makes no sense in a state, in one sentence; undefined where it does or has been met already. */
export function requestProblem(state: RunState, request: RunRequest): string | undefined {
  const { kind } = state.phase;
  const ended = kind === 'succeeded' || kind === 'failed' || kind === 'cancelled';
  switch (request.kind) {
    case 'pause_requested':
      return ended ? `The run has ${endedHow(kind)} and cannot be paused.` : undefined;
    case 'cancel_requested':
      return kind === 'succeeded' || kind === 'failed'
        ? `The run has ${endedHow(kind)} and cannot be cancelled.`
        : undefined;
    case 'resume_requested':
      if (!ended) return kind === 'paused' ? undefined : 'The run is not paused.';
      return kind === 'succeeded'
        ? 'The run has succeeded; extend it by some intervals to train on.'
        : `The run has ${endedHow(kind)} and cannot be resumed; fork it from its last checkpoint instead.`;
    case 'extend_requested':
      return kind === 'failed' || kind === 'cancelled'
        ? `The run has ${endedHow(kind)} and cannot be extended; fork it from its last checkpoint instead.`
        : undefined;
    default:
      return unreachable(request);
  }
}

function endedHow(kind: 'succeeded' | 'failed' | 'cancelled'): string {
  return kind === 'cancelled' ? 'been cancelled' : kind;
}

/** The request must make sense, see `requestProblem`. One that has been met already changes nothing. */
export function applyRequest(state: RunState, request: RunRequest): RunState {
  const { phase } = state;
  switch (request.kind) {
    case 'pause_requested':
      return isWorking(phase.kind)
        ? paused(state, phase.kind, { code: 'REQUESTED', message: 'Paused on request.' })
        : state;
    case 'cancel_requested':
      if (isWorking(phase.kind)) return { ...state, phase: { kind: 'cancelled', from: phase.kind } };
      return phase.kind === 'paused' ? { ...state, phase: { kind: 'cancelled', from: phase.from } } : state;
    case 'resume_requested':
      return phase.kind === 'paused' ? resumed(state, phase.from) : state;
    case 'extend_requested':
      return extended(state, request.intervals);
  }
}

function resumed(state: RunState, from: WorkingPhase): RunState {
  // An extension that came while a finished run was paused has put more training before the export.
  if (from === 'exporting' && state.interval < state.intervalsPlanned) return startTraining(state);
  return dispatched(state, from);
}

function extended(state: RunState, intervals: number): RunState {
  if (!Number.isInteger(intervals) || intervals < 1 || extensionProblem(state, intervals)) return state;
  const longer = { ...state, intervalsPlanned: state.intervalsPlanned + intervals };
  // The gaps after what was the last interval are those before the next one.
  const { kind } = state.phase;
  return kind === 'succeeded' || kind === 'exporting'
    ? startTraining({ ...longer, exportDigest: '' })
    : longer;
}
