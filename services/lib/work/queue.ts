// Work items on the bus: which queue, how they are named, and how they are kept alive while somebody is at them.
import { DdkError, type Logger } from '#base';
import type { Bus } from '#bus';
import { WorkItem, WorkKind } from '#proto/ddk/v1/events';
import { extractContext, injectContext, metrics, spans, withSpan } from '#telemetry';

/** A queue's name may hold no dots; its messages' subjects are `ddk.work.train` and so on. */
export const workQueues = {
  train: 'ddk-work-train',
  evaluate: 'ddk-work-evaluate',
  export: 'ddk-work-export',
} as const;

export type Work = keyof typeof workQueues;

export const workKinds: Readonly<Record<Work, WorkKind>> = {
  train: WorkKind.TRAIN,
  evaluate: WorkKind.EVALUATE,
  export: WorkKind.EXPORT,
};

/** An item is redelivered when nobody has spoken up for it for this long. */
const ackWaitMs = 30_000;
const heartbeatMs = 5_000;
const maxAttempts = 20;

/** Puts an item that points at its record into its queue; equal items are queued once. */
export async function enqueueWork(bus: Bus, work: Work, item: Omit<WorkItem, 'kind'>): Promise<void> {
  const data = WorkItem.encode({ ...item, kind: workKinds[work] }).finish();
  const headers: Record<string, string> = {};
  injectContext(headers);
  const id = `${work}/${item.runId}/${item.interval}/${item.attempt}`;
  await bus.enqueue(workQueues[work], { subject: `ddk.work.${work}`, id, headers, data });
}

/**
 * Calls `handler` for every item of a queue, one at a time. The handler's outcome is in the item's record, so an item is
 * acknowledged whether the work succeeded or failed; only an error that says the record could not be reached
 * (`retryable`) sends it back. Returns a function that stops taking items.
 */
export function consumeWork(
  bus: Bus,
  work: Work,
  logger: Logger,
  handler: (item: WorkItem) => Promise<void>,
): Promise<() => Promise<void>> {
  const options = { concurrency: 1, ackWaitMs, maxAttempts };
  return bus.consume(workQueues[work], options, async (delivery) => {
    const item = parse(delivery.message.data, workKinds[work]);
    if (!item) {
      logger.error({ id: delivery.message.id }, 'a work item cannot be read');
      await delivery.terminate('not a work item of this queue');
      return;
    }
    const { runId, interval, attempt } = item;
    const heartbeat = setInterval(() => void delivery.working().catch(() => {}), heartbeatMs);
    const startedMs = performance.now();
    let outcome = 'done';
    try {
      const attributes = { 'ddk.run': runId, 'ddk.interval': interval, 'ddk.attempt': attempt };
      const parent = extractContext(delivery.message.headers);
      await withSpan(spans.processWork, attributes, () => handler(item), { kind: 'consumer', parent });
      await delivery.ack();
    } catch (thrown) {
      outcome = 'ended_early';
      const error = DdkError.from(thrown);
      logger.warn({ runId, interval, attempt, err: error }, `${work} work ended early`);
      if (error.retryable && error.reason !== 'ASSIGNMENT_LOST') await delivery.nak(1000);
      else await delivery.ack();
    } finally {
      clearInterval(heartbeat);
      metrics.workDuration.record((performance.now() - startedMs) / 1000, { queue: work, outcome });
    }
  });
}

function parse(data: Uint8Array, kind: WorkKind): WorkItem | undefined {
  try {
    const item = WorkItem.decode(data);
    return item.kind === kind && item.runId !== '' ? item : undefined;
  } catch {
    // The caller parks it with a reason.
    return undefined;
  }
}
