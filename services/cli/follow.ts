// Watching a run through the scheduler until there is nothing more to see.
import { DdkError } from '#base';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { isOver } from './display/describe-run.js';
import type { Display } from './display/display.js';
import { RunPast } from './display/run-past.js';
import type { Embedded } from './embedded.js';
import { servedHistory } from './history.js';

/** Shows every change of the run until it is over or paused; a connection that breaks is taken up where it broke. */
export async function followRun(
  { scheduler, broken }: Pick<Embedded, 'scheduler' | 'broken'>,
  id: string,
  display: Display,
  interrupted: AbortSignal,
): Promise<Run> {
  const signal = AbortSignal.any([interrupted, broken]);
  const history = servedHistory(scheduler, signal);
  const past = new RunPast();
  const warn = (text: string): void => display.warn(text);
  let run: Run | undefined;
  for (let failures = 0; ; ) {
    try {
      for await (const { update } of scheduler.watchRun(
        { run: id, afterRevision: run?.revision ?? 0n },
        { signal },
      )) {
        failures = 0;
        if (update?.$case === 'run') {
          await past.follow(update.value, history, warn);
          run = update.value;
          display.run(run, past);
          if (isOver(run) || run.state === RunState.PAUSED) return run;
        } else if (update && run) display.progress(run, update.value);
      }
      if (run) return run;
      throw new DdkError('internal', `the scheduler ended the watch of ${id} without a word`);
    } catch (error) {
      if (signal.aborted) throw DdkError.from(signal.reason);
      const failure = DdkError.from(error);
      failures += 1;
      if (!failure.retryable || failures > 10) throw failure;
      warn(`the scheduler does not answer (${failure.message}); trying again`);
      await new Promise((resolve) => setTimeout(resolve, 200 * failures));
    }
  }
}
