// Workers that are called: a trainer and an evaluator at known addresses. What their streams tell goes on the local bus.
import { type Clock, createTurns, DdkError, type Logger, systemClock } from '#base';
import type { DomainEvaluatorServiceService } from '#proto/ddk/v1/domain_evaluator';
import type { RunProgress } from '#proto/ddk/v1/events';
import type { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import type { Client } from '#rpc';
import { isWorkerStopping } from '#work';
import type { Workers, WorkItem } from './workers.js';

export interface RpcWorkersOptions {
  readonly trainer: Client<typeof StudentTrainerServiceService>;
  readonly evaluator: Client<typeof DomainEvaluatorServiceService>;
  /** Tells others of what a stream tells. */
  readonly publish: (runId: string, event: { $case: 'progress'; value: RunProgress }) => Promise<void>;
  readonly logger: Logger;
  /** The call has ended; with an error where it did not come to its end. The record says what was committed. */
  readonly onEnd: (item: WorkItem, error: DdkError | undefined) => void;
  readonly clock?: Clock;
}

/** What a worker that is stopping had is not handed out before it has closed its door. */
const stoppingMs = 500;

/** One call of each worker at a time; further items wait for their turn. Calls end with this process. */
export function rpcWorkers(options: RpcWorkersOptions): Workers {
  const closing = new AbortController();
  const { clock = systemClock } = options;
  const turns = { trainer: createTurns(), evaluator: createTurns() };

  const call = async (item: WorkItem): Promise<void> => {
    let failure: DdkError | undefined;
    try {
      if (!closing.signal.aborted) await perform(item, options, closing.signal);
    } catch (error) {
      failure = DdkError.from(error);
    }
    if (closing.signal.aborted) return;
    const { runId, interval, attempt } = item;
    if (failure && isWorkerStopping(failure)) {
      options.logger.info({ runId, interval, attempt }, `the worker of a ${item.work} call is stopping`);
      // The sleep ends early only when the scheduler closes.
      await clock.sleep(stoppingMs, closing.signal).catch(() => {});
      if (!closing.signal.aborted) options.onEnd(item, undefined);
      return;
    }
    if (failure)
      options.logger.warn({ runId, interval, attempt, err: failure }, `${item.work} call ended early`);
    options.onEnd(item, failure);
  };

  return {
    outliveScheduler: false,
    async dispatch(item) {
      const worker = item.work === 'evaluate' ? 'evaluator' : 'trainer';
      void turns[worker](() => call(item));
    },
    async close() {
      closing.abort(new DdkError('cancelled', 'The scheduler is closing.'));
      await Promise.all(Object.values(turns).map((takeTurn) => takeTurn(async () => {})));
      options.trainer.close();
      options.evaluator.close();
    },
  };
}

async function perform(item: WorkItem, options: RpcWorkersOptions, signal: AbortSignal): Promise<void> {
  const { trainer, evaluator, publish } = options;
  const { runId, interval, attempt } = item;
  // A worker that is away is waited for; there is nothing better to do.
  const how = { signal, waitForReady: true };
  const tell = (progress: RunProgress['progress']) =>
    publish(runId, { $case: 'progress', value: { interval, progress } });
  switch (item.work) {
    case 'train':
      for await (const { event } of trainer.trainInterval({ runId, interval, attempt }, how)) {
        if (event?.$case === 'step' || event?.$case === 'notice') await tell(event);
      }
      return;
    case 'evaluate': {
      const work = { $case: 'work', value: { runId, interval, attempt } } as const;
      for await (const { event } of evaluator.evaluateGaps({ subject: work }, how)) {
        if (event?.$case === 'progress') await tell({ $case: 'evaluation', value: event.value });
      }
      return;
    }
    case 'export':
      await trainer.exportStudent({ runId, attempt }, { ...how, timeoutMs: Number.POSITIVE_INFINITY });
  }
}
