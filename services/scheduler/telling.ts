// What is heard of a run outside: events and metrics for others, lines in the log for people.
import { DdkError, type Logger } from '#base';
import { metrics } from '#telemetry';
import type { PublishedKind } from './commands.js';
import { isWorking, type RunState } from './run-state.js';

export interface Telling {
  readonly publish: (runId: string, event: PublishedKind) => Promise<void>;
  readonly logger: Logger;
}

/** Never fails: an event is a hint, and the run goes on without it. */
export async function tellOthers(
  { publish, logger }: Telling,
  state: RunState,
  event: PublishedKind,
): Promise<void> {
  if (event.$case === 'intervalPlanned') {
    for (const [i, { name }] of state.domains.entries()) {
      metrics.domainWeight.record(event.value.weights[i] ?? Number.NaN, { domain: name });
    }
  }
  try {
    await publish(state.id, event);
  } catch (error) {
    logger.warn({ runId: state.id, err: DdkError.from(error) }, 'an event could not be published');
  }
}

/** Tells watchers of trouble that may pass, which leaves no trace in the run's record: the store may be what is ill. */
export function noticeTrouble({ publish, logger }: Telling, runId: string, error: DdkError): Promise<void> {
  const value = `the run cannot be looked after and waits: ${error.message}`;
  const event: PublishedKind = {
    $case: 'progress',
    value: { interval: 0, progress: { $case: 'notice', value } },
  };
  return publish(runId, event).catch((err: unknown) =>
    logger.warn({ runId, err: DdkError.from(err) }, 'an event could not be published'),
  );
}

/** Where a committed transition has taken the run. */
export function logMove(logger: Logger, before: RunState, after: RunState): void {
  const { phase, interval, attempt, id: runId } = after;
  const reason = 'reason' in phase ? phase.reason : undefined;
  const fields = { runId, interval, attempt, from: before.phase.kind, ...(reason && { reason }) };
  const troubled =
    phase.kind === 'paused' || phase.kind === 'failed' || (isWorking(phase.kind) && after.failures > 0);
  logger[troubled ? 'warn' : 'info'](fields, `run is ${phase.kind}`);
}
