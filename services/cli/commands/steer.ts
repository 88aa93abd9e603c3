// `ddk pause` and `ddk cancel`: through the process at work, or on the record when none is.
import { DdkError, silentLogger } from '#base';
import type { Run } from '#proto/ddk/v1/types';
import { runLine } from '../display/describe-run.js';
import { type Embedded, type SchedulerClient, startSchedulerAlone } from '../embedded.js';
import { findRun } from '../run-records.js';
import type { Session } from '../session.js';

/** Asks the scheduler for `change` and shows the run after it. */
export async function steerRun(session: Session, name: string, change: 'pause' | 'cancel'): Promise<void> {
  const { data, display, signal } = session;
  const known = await findRun(data.store, name);
  const through = async (services: Embedded): Promise<void> => {
    try {
      const run = await ask(services.scheduler, known.id, change, signal);
      if (!run) throw new DdkError('internal', 'the scheduler returned no run');
      display.result(`${name}: ${runLine(run)}`, { run });
    } finally {
      await services.close();
    }
  };
  const running = await session.running();
  if (running) await through(running);
  else await data.holding(async () => through(await startSchedulerAlone(data, silentLogger)));
}

async function ask(
  scheduler: SchedulerClient,
  run: string,
  change: 'pause' | 'cancel',
  signal: AbortSignal,
): Promise<Run | undefined> {
  switch (change) {
    case 'pause':
      return (await scheduler.pauseRun({ run }, { signal })).run;
    case 'cancel':
      return (await scheduler.cancelRun({ run }, { signal })).run;
  }
}
