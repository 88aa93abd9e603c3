// A small run for the tests of the scheduler: three domains, gaps that shrink with training.
import assert from 'node:assert/strict';
import type { Domain, DomainGap, Interval, RunSpec } from '#proto/ddk/v1/types';
import { MixturePolicy, RunSpec as RunSpecMessage } from '#proto/ddk/v1/types';
import type { WorkReport } from '../../services/scheduler/events.js';
import { createRun, transition } from '../../services/scheduler/machine.js';
import { closedIntervals, intervalAt, type RunState } from '../../services/scheduler/run-state.js';

export const domains = domainsNamed(['code', 'prose', 'mail']);

export function domainsNamed(names: readonly string[]): Domain[] {
  return names.map((name, id) => ({
    id,
    name,
    trainTokens: BigInt(1000 * (id + 1)),
    trainWindows: 10n,
    validationSamples: 5,
  }));
}

export function exampleSpec(changes: { intervals?: number; alpha?: number } = {}): RunSpec {
  return RunSpecMessage.create({
    name: 'example',
    baseCheckpointDigest: 'sha256:base',
    mixture: { policy: MixturePolicy.DDK, alpha: changes.alpha ?? 0.5 },
    training: {
      intervals: changes.intervals ?? 2,
      intervalSteps: 10,
      batchSize: 4,
      microBatches: 1,
      seed: 1,
    },
  });
}

/** Losses that depend on the checkpoint's name only, as a measurement does. */
export function gapsOf(
  checkpointDigest: string,
  trainedIntervals: number,
  over: readonly Domain[] = domains,
): DomainGap[] {
  return over.map(({ id, name }) => {
    const noise =
      [...checkpointDigest].reduce((sum, char) => (sum * 31 + char.charCodeAt(0) + id) % 97, 7) / 970;
    const excess = (0.2 + 0.4 * id) / (1 + trainedIntervals) + noise;
    const teacherLoss = 1 + 0.1 * id;
    return {
      domainId: id,
      domain: name,
      studentLoss: teacherLoss + excess,
      teacherLoss,
      ratio: Math.exp(excess),
      positions: 100n,
    };
  });
}

export function started(changes: { intervals?: number; alpha?: number } = {}): RunState {
  const created = createRun({ id: 'run-1', requestId: 'request-1', spec: exampleSpec(changes), atMs: 1000 });
  return created.state;
}

/** The report that the outstanding work of a state is done as expected. */
export function doneReport(state: RunState, atMs = 2000): WorkReport {
  const { attempt, interval } = state;
  switch (state.phase.kind) {
    case 'preparing':
      return { kind: 'prepared', attempt, domains, atMs };
    case 'measuring':
      return {
        kind: 'gaps_measured',
        attempt,
        interval,
        gaps: gapsOf(state.checkpointDigest, interval),
        atMs,
      };
    case 'training':
      return {
        kind: 'interval_trained',
        attempt,
        interval,
        step: intervalAt(state, interval)!.endStep,
        checkpointDigest: `${state.checkpointDigest}>${interval}`,
        metricsDigest: `metrics-${interval}`,
        windowsDrawn: [1n, 2n, 3n],
        atMs,
      };
    case 'exporting':
      return { kind: 'export_done', attempt, exportDigest: `export-of-${state.checkpointDigest}`, atMs };
    default:
      throw new Error(`nothing is outstanding while ${state.phase.kind}`);
  }
}

/** Lets everything go well until the run is in the given phase and interval, or over. */
export function advance(state: RunState, phase: string, interval?: number): RunState {
  let current = state;
  for (let i = 0; i < 1000; i++) {
    const there = current.phase.kind === phase && (interval === undefined || current.interval === interval);
    if (there) return current;
    current = transition(current, doneReport(current)).state;
  }
  throw new Error(`the run never came to ${phase}`);
}

/** Every interval of a run that goes well from the given state to its end. */
export function historyOf(state: RunState): Interval[] {
  const closed: Interval[] = [];
  let current = state;
  while (current.phase.kind !== 'succeeded') {
    const next = transition(current, doneReport(current)).state;
    closed.push(...closedIntervals(current, next));
    current = next;
  }
  return [...closed, ...current.intervals];
}

/** Why a run is paused or has failed. */
export function reasonOf(state: RunState): { code: string; message: string } {
  assert.ok('reason' in state.phase);
  return state.phase.reason;
}
