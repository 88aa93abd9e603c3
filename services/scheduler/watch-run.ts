// Following one run: its versions from the record, the progress of its work from the bus, in one stream.
import type { Bus } from '#bus';
import type { WatchRunResponse } from '#proto/ddk/v1/scheduler';
import { decodeRunEvent, runEventSubject } from '#work';
import { isOver } from './run-state.js';
import { messageOf, type RunStore, type StoredRun } from './run-store.js';

export interface WatchOptions {
  readonly runs: RunStore;
  readonly bus: Bus;
  readonly run: StoredRun;
  /** Versions up to this revision are known already. */
  readonly afterRevision: bigint;
  readonly signal: AbortSignal;
}

/** A reader that is slower than the steps gets the newest of them; versions of the run are merged likewise. */
const mostWaiting = 256;

/** Ends once the run is over or the signal aborts. */
export async function* watchRun(options: WatchOptions): AsyncGenerator<WatchRunResponse> {
  const { runs, bus, run, afterRevision, signal } = options;
  const runId = run.state.id;
  const inbox = new Inbox();
  const ended = new AbortController();
  const endedOrAborted = AbortSignal.any([signal, ended.signal]);
  signal.addEventListener('abort', () => inbox.close(), { once: true });
  const unsubscribe = await bus.subscribe(runEventSubject(runId, 'progress'), (message) => {
    const event = decodeRunEvent(message);
    if (event?.kind?.$case === 'progress')
      inbox.push({ update: { $case: 'progress', value: event.kind.value } });
  });
  const following = (async () => {
    for await (const version of runs.watch(runId, endedOrAborted)) {
      if (BigInt(version.revision) > afterRevision) {
        inbox.push({ update: { $case: 'run', value: messageOf(version) } });
      }
      if (isOver(version.state)) inbox.close();
    }
    inbox.close();
  })().catch((error: unknown) => inbox.close(error));
  try {
    yield* inbox;
  } finally {
    ended.abort();
    await unsubscribe();
    await following;
  }
}

/** What waits to be read. Only the newest progress is worth keeping, and of the run's versions only the newest as well. */
class Inbox implements AsyncIterable<WatchRunResponse> {
  #waiting: WatchRunResponse[] = [];
  #closed = false;
  #failure: unknown;
  #wake: () => void = () => {};

  push(response: WatchRunResponse): void {
    if (this.#closed) return;
    this.#waiting.push(response);
    if (this.#waiting.length > mostWaiting) this.#thin();
    this.#wake();
  }

  close(failure?: unknown): void {
    this.#closed = true;
    this.#failure ??= failure;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchRunResponse> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#closed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #thin(): void {
    const run = this.#waiting.findLast(({ update }) => update?.$case === 'run');
    const progress = this.#waiting.findLast(({ update }) => update?.$case === 'progress');
    this.#waiting = [run, progress].filter((response) => response !== undefined);
  }
}
