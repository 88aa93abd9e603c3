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
  readonly #workers: readonly Worker[];
  readonly #idle: Worker[];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  constructor(count: number, setup: TokeniserSetup) {
    const file = new URL('./tokenise-worker.js', import.meta.url);
    this.#workers = Array.from({ length: count }, () => new Worker(file, { workerData: setup }));
    this.#idle = [...this.#workers];
    // A second batch for each thread waits ready, so that none stands still while results are written.
    this.concurrency = 2 * count;
  }

  async run(batch: DocumentBatch): Promise<TokenisedBatch> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    const answer = await exchange(worker, batch).finally(() => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    });
    if ('error' in answer) throw new DdkError(answer.error.code, answer.error.message);
    return answer.result;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** A thread that fails or is gone makes this fail, also when it was gone before. */
function exchange(worker: Worker, batch: DocumentBatch): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      finish();
    };
    const onMessage = (answer: WorkerAnswer) => settle(() => resolve(answer));
    const onError = (error: unknown) => settle(() => reject(DdkError.from(error)));
    const onExit = () => settle(() => reject(new DdkError('internal', 'A tokeniser thread ended unasked.')));
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    // -1 is the thread id of a thread that has ended: it would never answer.
    if (worker.threadId === -1) onExit();
    else worker.postMessage(batch, batchTransfer(batch));
  });
}
