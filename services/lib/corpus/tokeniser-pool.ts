// Threads that tokenise.

import { Worker } from 'node:worker_threads';
import { DdkError, type ErrorCode } from '#base';
import { batchTransfer, type DocumentBatch } from './batch.js';
import { createTokenise, type TokenisedBatch, type TokeniserSetup } from './tokenise.js';

export type WorkerAnswer =
  | { readonly result: TokenisedBatch }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

export interface TokeniserPool {
  /** Batches that may usefully be under way at once. */
  readonly concurrency: number;
  /** The batch's buffers are handed over and empty afterwards. */
  run(batch: DocumentBatch): Promise<TokenisedBatch>;
  close(): Promise<void>;
}

/** @param workers number of threads; 0 tokenises in the calling one */
export function openTokeniserPool(workers: number, setup: TokeniserSetup): TokeniserPool {
  return workers === 0 ? callingThread(setup) : new WorkerPool(workers, setup);
}

function callingThread(setup: TokeniserSetup): TokeniserPool {
  const tokenise = createTokenise(setup);
  return {
    concurrency: 1,
    run: async (batch) => tokenise(batch),
    close: () => Promise.resolve(),
  };
}

class WorkerPool implements TokeniserPool {
  readonly concurrency: number;
  readonly #threads: readonly TokeniserThread[];
  readonly #idle: TokeniserThread[];
  readonly #waiting: ((thread: TokeniserThread) => void)[] = [];

  constructor(count: number, setup: TokeniserSetup) {
    this.#threads = Array.from({ length: count }, () => new TokeniserThread(setup));
    this.#idle = [...this.#threads];
    // A second batch for each thread waits ready, so that none stands still while results are written.
    this.concurrency = 2 * count;
  }

  async run(batch: DocumentBatch): Promise<TokenisedBatch> {
    const thread =
      this.#idle.pop() ?? (await new Promise<TokeniserThread>((resolve) => this.#waiting.push(resolve)));
    try {
      return await thread.run(batch);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(thread);
      else next(thread);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

/** One thread, which answers one question at a time. Once it has failed, every question fails. */
class TokeniserThread {
  readonly #worker: Worker;
  #failure: DdkError | undefined;
  #pending: { resolve(result: TokenisedBatch): void; reject(error: DdkError): void } | undefined;

  constructor(setup: TokeniserSetup) {
    this.#worker = new Worker(new URL('./tokenise-worker.js', import.meta.url), { workerData: setup });
    this.#worker.on('message', (answer: WorkerAnswer) => {
      const pending = this.#pending;
      this.#pending = undefined;
      if ('result' in answer) pending?.resolve(answer.result);
      else pending?.reject(new DdkError(answer.error.code, answer.error.message));
    });
    this.#worker.on('error', (error) => this.#fail(DdkError.from(error)));
    this.#worker.on('exit', () => this.#fail(new DdkError('internal', 'A tokeniser thread ended unasked.')));
  }

  run(batch: DocumentBatch): Promise<TokenisedBatch> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#worker.postMessage(batch, batchTransfer(batch));
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: DdkError): void {
    this.#failure ??= error;
    this.#pending?.reject(this.#failure);
    this.#pending = undefined;
  }
}
