// A work queue within one process, with the deadlines, redeliveries and stale acknowledgements of a real one.

import { type Clock, DdkError, type Logger } from '#base';
import { retryDelayMs } from './dead-letters.js';
import type { BusMessage, ConsumeOptions, Delivery, Stop } from './types.js';

const maxItems = 100_000;
/** As NATS by default. */
const duplicateWindowMs = 120_000;

interface Item {
  readonly message: BusMessage;
  attempts: number;
  settled: boolean;
  /** The attempt that is under way and has not missed its deadline. */
  current: object | undefined;
  /** Ends the wait for the deadline, or for the delay of a nak. */
  cancelTimer: () => void;
}

interface Consumer {
  readonly options: ConsumeOptions;
  readonly handler: (delivery: Delivery) => Promise<void>;
  readonly running: Set<Promise<void>>;
}

export interface QueueEnvironment {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onDead: (message: BusMessage, why: { reason: string; attempts: number }) => void;
}

export class MemoryQueue {
  readonly #environment: QueueEnvironment;
  readonly #items = new Set<Item>();
  #ready: Item[] = [];
  readonly #consumers: Consumer[] = [];
  /** Id to the time until which the same id is the same message. In order of insertion, so of time. */
  readonly #known = new Map<string, number>();

  constructor(environment: QueueEnvironment) {
    this.#environment = environment;
  }

  enqueue(message: BusMessage): void {
    const now = this.#environment.clock.monotonicMs();
    for (const [id, until] of this.#known) {
      if (until > now) break;
      this.#known.delete(id);
    }
    if (this.#known.has(message.id)) return;
    if (this.#items.size >= maxItems)
      throw new DdkError('resource_exhausted', `The queue holds ${maxItems} messages; try again later.`);
    this.#known.set(message.id, now + duplicateWindowMs);
    const own = { ...message, headers: { ...message.headers }, data: message.data.slice() };
    const item: Item = {
      message: own,
      attempts: 0,
      settled: false,
      current: undefined,
      cancelTimer: () => {},
    };
    this.#items.add(item);
    this.#offer(item);
  }

  consume(options: ConsumeOptions, handler: (delivery: Delivery) => Promise<void>): Stop {
    const consumer: Consumer = { options, handler, running: new Set() };
    this.#consumers.push(consumer);
    this.#dispatch();
    return async () => {
      const at = this.#consumers.indexOf(consumer);
      if (at !== -1) this.#consumers.splice(at, 1);
      await Promise.all(consumer.running);
    };
  }

  async close(): Promise<void> {
    const consumers = this.#consumers.splice(0);
    await Promise.all(consumers.flatMap(({ running }) => [...running]));
    for (const item of this.#items) item.cancelTimer();
    this.#items.clear();
    this.#ready = [];
  }

  #offer(item: Item): void {
    this.#ready.push(item);
    this.#dispatch();
  }

  #dispatch(): void {
    while (this.#ready.length > 0) {
      const at = this.#consumers.findIndex(({ running, options }) => running.size < options.concurrency);
      if (at === -1) return;
      // To the end of the line, so that consumers take turns.
      const [consumer] = this.#consumers.splice(at, 1);
      this.#consumers.push(consumer!);
      const item = this.#ready.shift()!;
      if (!item.settled) this.#deliver(consumer!, item);
    }
  }

  #deliver(consumer: Consumer, item: Item): void {
    const token = {};
    item.current = token;
    item.attempts += 1;
    const attempt = item.attempts;
    const { ackWaitMs, maxAttempts } = consumer.options;
    const isCurrent = (): boolean => !item.settled && item.current === token;

    /** Again after the delay, unless this was the last attempt. */
    const giveBack = (delayMs: number, reason: string): void => {
      item.cancelTimer();
      item.current = undefined;
      if (attempt >= maxAttempts) this.#bury(item, `Gave up after ${attempt} attempts: ${reason}`);
      else if (delayMs <= 0) this.#offer(item);
      else this.#startTimer(item, delayMs, () => this.#offer(item));
    };
    const startDeadline = (): void =>
      this.#startTimer(item, ackWaitMs, () =>
        giveBack(0, `no acknowledgement and no sign of work for ${ackWaitMs} ms`),
      );

    const delivery: Delivery = {
      message: { ...item.message, data: item.message.data.slice() },
      attempt,
      ack: async () => this.#settle(item),
      nak: async (delayMs = 0) => {
        if (isCurrent()) giveBack(delayMs, 'returned by its consumer');
      },
      working: async () => {
        if (isCurrent()) startDeadline();
      },
      terminate: async (reason) => this.#bury(item, reason),
    };

    startDeadline();
    const running = Promise.resolve()
      .then(() => consumer.handler(delivery))
      .catch((error: unknown) => {
        const { message } = DdkError.from(error);
        this.#environment.logger.warn({ err: error, id: item.message.id, attempt }, 'work failed');
        if (isCurrent()) giveBack(retryDelayMs(attempt), message);
      })
      .finally(() => {
        consumer.running.delete(running);
        this.#dispatch();
      });
    consumer.running.add(running);
  }

  #startTimer(item: Item, ms: number, onTime: () => void): void {
    item.cancelTimer();
    const controller = new AbortController();
    item.cancelTimer = () => controller.abort();
    this.#environment.clock.sleep(ms, controller.signal).then(
      () => {
        if (!controller.signal.aborted) onTime();
      },
      // Cancelled: settled, returned, or still being worked at.
      () => undefined,
    );
  }

  #settle(item: Item): void {
    item.settled = true;
    item.cancelTimer();
    this.#items.delete(item);
  }

  #bury(item: Item, reason: string): void {
    if (item.settled) return;
    this.#settle(item);
    this.#environment.onDead(item.message, { reason, attempts: item.attempts });
  }
}
