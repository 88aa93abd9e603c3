// The bus within one process: for the embedded mode and for tests.

import { assert, type Clock, DdkError, type Logger, silentLogger, systemClock } from '#base';
import { deadLetter } from './dead-letters.js';
import { MemoryQueue } from './memory-queue.js';
import { Topics } from './memory-topics.js';
import { assertMessage, assertPattern, assertQueue } from './subjects.js';
import type { Bus, ConsumeOptions } from './types.js';

export interface MemoryBusOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** A bus that forgets everything when the process ends; no more is asked of a bus, since records hold the truth. */
export function openMemoryBus(options: MemoryBusOptions = {}): Bus {
  const { clock = systemClock, logger = silentLogger } = options;
  const topics = new Topics(logger);
  const queues = new Map<string, MemoryQueue>();
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw new DdkError('unavailable', 'The bus is closed.');
  };
  const queueNamed = (name: string): MemoryQueue => {
    assertQueue(name);
    const known = queues.get(name);
    if (known) return known;
    const queue = new MemoryQueue({
      clock,
      logger: logger.child({ queue: name }),
      onDead: (message, why) => {
        logger.error({ queue: name, id: message.id, ...why }, 'work became a dead letter');
        try {
          topics.publish(deadLetter(name, message, why));
        } catch (error) {
          logger.error({ err: error, queue: name, id: message.id }, 'a dead letter could not be told');
        }
      },
    });
    queues.set(name, queue);
    return queue;
  };

  return {
    async publish(message) {
      assertOpen();
      assertMessage(message);
      topics.publish(message);
    },
    async subscribe(pattern, handler) {
      assertOpen();
      assertPattern(pattern);
      return topics.subscribe(pattern, handler);
    },
    async enqueue(queue, message) {
      assertOpen();
      assertMessage(message);
      queueNamed(queue).enqueue(message);
    },
    async consume(queue, consumeOptions, handler) {
      assertOpen();
      assertConsumeOptions(consumeOptions);
      return queueNamed(queue).consume(consumeOptions, handler);
    },
    async check() {
      assertOpen();
    },
    async close() {
      closed = true;
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      await topics.close();
    },
  };
}

function assertConsumeOptions({ concurrency, ackWaitMs, maxAttempts }: ConsumeOptions): void {
  assert(Number.isInteger(concurrency) && concurrency >= 1, `concurrency ${concurrency}`);
  assert(ackWaitMs > 0, `ackWaitMs ${ackWaitMs}`);
  assert(Number.isInteger(maxAttempts) && maxAttempts >= 1, `maxAttempts ${maxAttempts}`);
}
