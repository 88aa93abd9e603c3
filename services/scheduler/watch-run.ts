// Following one run: its versions from the record, the progress of its work from the bus, in one stream.
import type { Bus } from '#bus';
import type { WatchRunResponse } from '#proto/ddk/v1/scheduler';
import { Mailbox } from '#rpc';
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
  /** The scheduler is about to end; its reason ends the stream. */
  readonly stopping: AbortSignal;
}

/** A reader that is slower than the steps gets the newest of them; versions of the run are merged likewise. Notices stay. */
const mostWaiting = 256;

/** Ends once the run is over or the signal aborts; throws the reason of `stopping`. */
export async function* watchRun(options: WatchOptions): AsyncGenerator<WatchRunResponse> {
  const { runs, bus, run, afterRevision, signal, stopping } = options;
  const runId = run.state.id;
  const inbox = new Mailbox<WatchRunResponse>({ most: mostWaiting, thin: newest });
  const ended = new AbortController();
  const endedOrAborted = AbortSignal.any([signal, ended.signal]);
  signal.addEventListener('abort', () => inbox.end(), { once: true });
  const leave = (): void => inbox.end(stopping.reason);
  stopping.addEventListener('abort', leave);
  if (stopping.aborted) leave();
  const unsubscribe = await bus.subscribe(runEventSubject(runId, 'progress'), (message) => {
    const event = decodeRunEvent(message);
    if (event?.kind?.$case === 'progress')
      inbox.put({ update: { $case: 'progress', value: event.kind.value } });
  });
  const following = (async () => {
    for await (const version of runs.watch(runId, endedOrAborted)) {
      if (BigInt(version.revision) > afterRevision) {
        inbox.put({ update: { $case: 'run', value: messageOf(version) } });
      }
      if (isOver(version.state)) inbox.end();
    }
    inbox.end();
  })().catch((error: unknown) => inbox.end(error));
  try {
    yield* inbox;
  } finally {
    ended.abort();
    stopping.removeEventListener('abort', leave);
    await unsubscribe();
    await following;
  }
}

function newest(waiting: readonly WatchRunResponse[]): WatchRunResponse[] {
  const run = waiting.findLast(({ update }) => update?.$case === 'run');
  const progress = waiting.findLast((response) => isProgress(response) && !isNotice(response));
  return [run, ...waiting.filter(isNotice), progress].filter((response) => response !== undefined);
}

function isProgress({ update }: WatchRunResponse): boolean {
  return update?.$case === 'progress';
}

function isNotice({ update }: WatchRunResponse): boolean {
  return update?.$case === 'progress' && update.value.progress?.$case === 'notice';
}
