// `ddk pause` and `ddk cancel`: through the process at work, or on the record when none is.
import { DdkError, silentLogger } from '#base';
import type { Run } from '#proto/ddk/v1/types';
import { runLine } from '../display/describe-run.js';
import { type Embedded, type SchedulerClient, startSchedulerAlone } from '../embedded.js';
import { leaveMetrics } from '../finish.js';
import { findRun } from '../run-records.js';
import type { Session } from '../session.js';

/** Asks the scheduler for `change` and shows the run after it. */
export async function steerRun(session: Session, name: string, change: 'pause' | 'cancel'): Promise<void> {
  const { data, display, signal } = session;
  const known = await findRun(data.store, name);
  const running = await session.running();
  const through = async (services: Embedded): Promise<void> => {
    try {
      const run = await askFor(change, services.scheduler, known.id, signal);
      // The process at work on a run writes them itself.
      if (!running) await leaveMetrics(data, run, (text) => display.warn(text));
      display.result(`${name}: ${runLine(run)}`, { run });
    } finally {
      await services.close();
    }
  };
  if (running) await through(running);
  else await data.holding(async () => through(await startSchedulerAlone(data, silentLogger)));
}

/** The run as it is after the change. */
export async function askFor(
  change: 'pause' | 'cancel',
  scheduler: SchedulerClient,
  run: string,
  signal: AbortSignal,
): Promise<Run> {
  const changed = await (change === 'pause'
    ? scheduler.pauseRun({ run }, { signal })
    : scheduler.cancelRun({ run }, { signal }));
  if (!changed.run) throw new DdkError('internal', 'the scheduler returned no run');
  return changed.run;
}
