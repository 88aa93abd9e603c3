// Run states as the stored message ddk.v1.Run, and back.
import { DdkError } from '#base';
import { type Reason, Run, RunState as RunStateName } from '#proto/ddk/v1/types';
import type { Phase, RunState, WorkingPhase } from './run-state.js';

const nameOfPhase: Readonly<Record<Phase['kind'], RunStateName>> = {
  preparing: RunStateName.PREPARING,
  measuring: RunStateName.MEASURING,
  training: RunStateName.TRAINING,
  exporting: RunStateName.EXPORTING,
  paused: RunStateName.PAUSED,
  succeeded: RunStateName.SUCCEEDED,
  failed: RunStateName.FAILED,
  cancelled: RunStateName.CANCELLED,
};

/** `revision` is that of the record which holds the run; the stored message leaves it 0. */
export function runMessage(state: RunState, revision = 0): Run {
  const { phase } = state;
  return {
    id: state.id,
    requestId: state.requestId,
    spec: state.spec,
    domains: [...state.domains],
    state: nameOfPhase[phase.kind],
    pausedFrom: 'from' in phase ? nameOfPhase[phase.from] : RunStateName.UNSPECIFIED,
    reason: 'reason' in phase ? phase.reason : undefined,
    interval: state.interval,
    attempt: state.attempt,
    failures: state.failures,
    failedAtStep: state.failedAtStep,
    intervalsPlanned: state.intervalsPlanned,
    intervals: [...state.intervals],
    checkpointDigest: state.checkpointDigest,
    bestCheckpointDigest: state.best?.checkpointDigest ?? '',
    bestLoss: state.best?.loss ?? 0,
    exportDigest: state.exportDigest,
    createdAt: new Date(state.createdAtMs),
    updatedAt: new Date(state.updatedAtMs),
    revision: BigInt(revision),
  };
}

export function encodeRun(state: RunState): Uint8Array {
  return Run.encode(runMessage(state)).finish();
}

/** Throws DdkError data_loss for bytes that are no run. */
export function decodeRun(bytes: Uint8Array): RunState {
  let run: Run;
  try {
    run = Run.decode(bytes);
  } catch (cause) {
    throw new DdkError('data_loss', 'A stored run cannot be read; its record is damaged.', { cause });
  }
  const { spec } = run;
  if (spec === undefined || run.id === '') {
    throw new DdkError(
      'data_loss',
      `The stored run "${run.id}" lacks its id or spec; its record is damaged.`,
    );
  }
  return {
    id: run.id,
    requestId: run.requestId,
    spec,
    domains: run.domains,
    phase: phaseOf(run),
    interval: run.interval,
    attempt: run.attempt,
    failures: run.failures,
    failedAtStep: run.failedAtStep,
    intervalsPlanned: run.intervalsPlanned,
    intervals: run.intervals,
    checkpointDigest: run.checkpointDigest,
    best:
      run.bestCheckpointDigest === ''
        ? undefined
        : { checkpointDigest: run.bestCheckpointDigest, loss: run.bestLoss },
    exportDigest: run.exportDigest,
    createdAtMs: run.createdAt?.getTime() ?? 0,
    updatedAtMs: run.updatedAt?.getTime() ?? 0,
  };
}

function phaseOf(run: Run): Phase {
  const reason: Reason = run.reason ?? { code: '', message: '' };
  switch (run.state) {
    case RunStateName.PREPARING:
    case RunStateName.MEASURING:
    case RunStateName.TRAINING:
    case RunStateName.EXPORTING:
      return { kind: workingPhaseOf(run, run.state) };
    case RunStateName.PAUSED:
      return { kind: 'paused', from: workingPhaseOf(run, run.pausedFrom), reason };
    case RunStateName.SUCCEEDED:
      return { kind: 'succeeded' };
    case RunStateName.FAILED:
      return { kind: 'failed', reason };
    case RunStateName.CANCELLED:
      return { kind: 'cancelled', from: workingPhaseOf(run, run.pausedFrom) };
    default:
      throw unknownState(run, run.state);
  }
}

function workingPhaseOf(run: Run, name: RunStateName): WorkingPhase {
  switch (name) {
    case RunStateName.PREPARING:
      return 'preparing';
    case RunStateName.MEASURING:
      return 'measuring';
    case RunStateName.TRAINING:
      return 'training';
    case RunStateName.EXPORTING:
      return 'exporting';
    default:
      throw unknownState(run, name);
  }
}

function unknownState(run: Run, name: RunStateName): DdkError {
  return new DdkError(
    'data_loss',
    `The stored run ${run.id} is in the unknown state ${name}; its record is damaged or of a newer version.`,
  );
}
