// What a process has opened, closed in reverse order, once.

import { DdkError } from './errors.js';
import { type Logger, silentLogger } from './log.js';

interface Deferred {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

export class Lifecycle {
  readonly #controller = new AbortController();
  readonly #deferred: Deferred[] = [];
  readonly #logger: Logger;
  #stopping: Promise<void> | undefined;

  constructor(logger: Logger = silentLogger) {
    this.#logger = logger;
  }

  /** Aborts when stopping begins, before anything is closed; its reason is a DdkError `cancelled`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Closes this when stopping; what was deferred last is closed first. Once stopped, closes it at once. */
  defer(name: string, close: () => Promise<void> | void): void {
    this.#deferred.push({ name, close });
    if (this.#stopping) this.#stopping = this.#stopping.then(() => this.#closeAll());
  }

  /** Resolves when everything is closed. A closer that fails is logged and keeps none of the others from closing. */
  stop(reason: string): Promise<void> {
    if (!this.#stopping) {
      this.#logger.info({ reason }, 'stopping');
      this.#stopping = Promise.resolve().then(() => this.#closeAll());
      this.#controller.abort(new DdkError('cancelled', `Stopping: ${reason}.`));
    }
    return this.#stopping;
  }

  async #closeAll(): Promise<void> {
    for (let next = this.#deferred.pop(); next; next = this.#deferred.pop()) {
      try {
        await next.close();
      } catch (error) {
        this.#logger.error({ err: error, resource: next.name }, 'closing failed');
      }
    }
  }
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * SIGTERM and SIGINT stop the lifecycle; the process then ends by itself as nothing keeps it alive.
 * A second signal, or `graceMs` without getting there, ends it at once with 128 + the signal's number.
 */
export function onTermination(lifecycle: Lifecycle, graceMs: number): void {
  let asked = false;
  const onSignal = (signal: keyof typeof exitCodes): void => {
    if (asked) process.exit(exitCodes[signal]);
    asked = true;
    setTimeout(() => process.exit(exitCodes[signal]), graceMs).unref();
    void lifecycle.stop(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
