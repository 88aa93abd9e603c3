// Publish and subscribe within one process.

import { DdkError, type Logger } from '#base';
import { subjectMatches } from './subjects.js';
import type { BusMessage, Stop } from './types.js';

/** A subscriber this far behind will not catch up. */
const maxPending = 100_000;

type Handler = (message: BusMessage) => Promise<void> | void;

class Subscription {
  readonly pattern: string;
  readonly #handler: Handler;
  readonly #logger: Logger;
  #pending: BusMessage[] = [];
  #draining = Promise.resolve();
  #busy = false;
  #stopped = false;

  constructor(pattern: string, handler: Handler, logger: Logger) {
    this.pattern = pattern;
    this.#handler = handler;
    this.#logger = logger;
  }

  get full(): boolean {
    return this.#pending.length >= maxPending;
  }

  tell(message: BusMessage): void {
    this.#pending.push(message);
    if (this.#busy) return;
    this.#busy = true;
    this.#draining = this.#drain();
  }

  async #drain(): Promise<void> {
    // The publisher returns before its message is handled, as it would over a network.
    await Promise.resolve();
    for (let at = 0; ; at += 1) {
      const message = this.#pending[at];
      if (message === undefined || this.#stopped) break;
      try {
        await this.#handler({ ...message, data: message.data.slice() });
      } catch (error) {
        this.#logger.error({ err: error, subject: message.subject, id: message.id }, 'subscriber failed');
      }
      if (at === 1000) {
        // Shifting one by one would be quadratic.
        this.#pending = this.#pending.slice(at + 1);
        at = -1;
      }
    }
    this.#pending = [];
    this.#busy = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#draining;
  }
}

export class Topics {
  readonly #subscriptions = new Set<Subscription>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  publish(message: BusMessage): void {
    const listeners = [...this.#subscriptions].filter(({ pattern }) =>
      subjectMatches(pattern, message.subject),
    );
    const full = listeners.find((subscription) => subscription.full);
    if (full)
      throw new DdkError(
        'resource_exhausted',
        `A subscriber of ${full.pattern} has ${maxPending} messages waiting; publish more slowly.`,
      );
    const own = { ...message, headers: { ...message.headers }, data: message.data.slice() };
    for (const subscription of listeners) subscription.tell(own);
  }

  subscribe(pattern: string, handler: Handler): Stop {
    const subscription = new Subscription(pattern, handler, this.#logger);
    this.#subscriptions.add(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
      return subscription.stop();
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#subscriptions.clear();
  }
}
