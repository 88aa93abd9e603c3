// The two moves that requests and reports share.
import type { Reason } from '#proto/ddk/v1/types';
import { boundedReason } from './limits.js';
import type { RunState, WorkingPhase } from './run-state.js';

/** Enters a phase under a new attempt, so that nothing reported of earlier work can count for it. */
export function dispatched(state: RunState, kind: WorkingPhase): RunState {
  return { ...state, phase: { kind }, attempt: state.attempt + 1, failures: 0 };
}

export function paused(state: RunState, from: WorkingPhase, reason: Reason): RunState {
  return { ...state, phase: { kind: 'paused', from, reason: boundedReason(reason) } };
}
