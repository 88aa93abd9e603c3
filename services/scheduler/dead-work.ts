// Work that no worker could even begin: the bus parks its item as a dead letter, and the run must not wait for it for ever.
import { DdkError, type Logger } from '#base';
import { type Bus, deadLetterSubject, type Stop } from '#bus';
import { WorkItem } from '#proto/ddk/v1/events';
import { workQueues } from '#work';

/** Reports every dead item of the work queues. Returns a function that stops listening. */
export async function watchDeadWork(
  bus: Bus,
  logger: Logger,
  onDead: (runId: string, attempt: number, error: DdkError) => void,
): Promise<Stop> {
  const stops = await Promise.all(
    Object.values(workQueues).map((queue) =>
      bus.subscribe(deadLetterSubject(queue), ({ id, data, headers }) => {
        const reason = headers['ddk-dead-reason'] ?? 'no reason was given';
        logger.error({ queue, id, reason }, 'work could not be done by anybody');
        const { runId, attempt } = WorkItem.decode(data);
        onDead(
          runId,
          attempt,
          new DdkError('aborted', `No worker could do the work: ${reason}`, { reason: 'WORK_DEAD' }),
        );
      }),
    ),
  );
  return async () => {
    for (const stop of stops) await stop();
  };
}
