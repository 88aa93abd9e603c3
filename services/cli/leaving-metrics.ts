// The metrics of a run that lies still before its end: what it has committed is there to be looked at.
import { setTimeout } from 'node:timers/promises';
import { DdkError } from '#base';
import type { Run } from '#proto/ddk/v1/types';
import { leaveMetrics } from './finish.js';
import { findRun } from './run-records.js';
import type { Session } from './session.js';

/** A command that was interrupted does not keep its user waiting for longer. */
const mostMs = 3_000;

/** Writes them, or warns: how the run ended is what there is to tell, and `ddk report` writes them too. */
export async function tryToLeaveMetrics(
  { data, display }: Pick<Session, 'data' | 'display'>,
  run: Run,
): Promise<void> {
  await leaveMetrics(data, run).catch((error: unknown) =>
    display.warn(`the metrics could not be written (${DdkError.from(error).message})`),
  );
}

/**
 * For a command that works on a run and has let go of it: where it was interrupted, writes the metrics of what was
 * committed. Not if that takes long, and a second Ctrl-C ends the process as ever.
 */
export async function leaveMetricsIfInterrupted(
  session: Pick<Session, 'data' | 'display' | 'signal'>,
  idOrName: string,
): Promise<void> {
  if (!session.signal.aborted) return;
  await Promise.race([leaveThem(session, idOrName), setTimeout(mostMs, undefined, { ref: false })]);
}

async function leaveThem(session: Pick<Session, 'data' | 'display'>, idOrName: string): Promise<void> {
  // It may have been interrupted before there was a run.
  const run = await findRun(session.data.store, idOrName).catch(() => undefined);
  if (run) await tryToLeaveMetrics(session, run);
}
