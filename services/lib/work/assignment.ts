// The fence: who may commit. A worker holds its assignment's record at a revision, and every effect of its work is a
// compare-and-set from there. An acknowledgement of a queue proves nothing about ownership; this does.
import { assert, DdkError } from '#base';
import { WorkState } from '#proto/ddk/v1/types';
import { isConflict, type Store } from '#store';

/** UTF-16 units of a failure's message that a record keeps, so that no message makes it too large. */
const longestMessage = 4_000;

/** What the records of all kinds of work have in common. */
export interface WorkRecord {
  readonly runId: string;
  readonly attempt: number;
  readonly state: WorkState;
  readonly worker: string;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  readonly failureRetryable: boolean;
}

export interface RecordCodec<R> {
  decode(bytes: Uint8Array): R;
  encode(record: R): { finish(): Uint8Array };
}

/** Work taken by this worker. All of its methods throw `aborted` with reason ASSIGNMENT_LOST once it is another's. */
export interface Assignment<R extends WorkRecord> {
  /** As last committed. */
  readonly record: R;
  /** Aborts when the assignment is withdrawn or given to another attempt. */
  readonly signal: AbortSignal;
  /** Changes the record durably. */
  commit(change: Partial<R>): Promise<void>;
  /** Records why the attempt ended; it cannot commit afterwards. */
  fail(error: DdkError): Promise<void>;
  /** Stops looking out for a withdrawal. Call it when the work has ended, however it did. */
  release(): void;
}

export type Claim<R extends WorkRecord> =
  | { readonly kind: 'taken'; readonly assignment: Assignment<R> }
  /** Somebody has done it; tell of it again. */
  | { readonly kind: 'complete'; readonly record: R }
  /** Not this attempt's to do, or not any more. */
  | { readonly kind: 'lost'; readonly why: string };

export interface ClaimOptions<R extends WorkRecord> {
  readonly store: Store;
  readonly key: string;
  readonly codec: RecordCodec<R>;
  readonly attempt: number;
  /** Identity of this process; unlike that of any other at any time. */
  readonly worker: string;
  /** How often the record is looked at for a withdrawal. */
  readonly pollMs?: number;
}

/** Takes the attempt that the record at `key` assigns. not_found: there is no such record. */
export async function claimWork<R extends WorkRecord>(options: ClaimOptions<R>): Promise<Claim<R>> {
  const { store, key, codec, attempt, worker } = options;
  for (;;) {
    const stored = await store.records.get(key);
    if (!stored) throw new DdkError('not_found', `There is no work at ${key}.`, { reason: 'WORK_UNKNOWN' });
    const record = codec.decode(stored.value);
    if (record.state === WorkState.COMPLETE) return { kind: 'complete', record };
    if (record.attempt !== attempt)
      return { kind: 'lost', why: `attempt ${attempt} at ${key} was followed by attempt ${record.attempt}` };
    if (record.state === WorkState.WITHDRAWN) return { kind: 'lost', why: `${key} was withdrawn` };
    if (record.state === WorkState.FAILED)
      return { kind: 'lost', why: `attempt ${attempt} at ${key} has failed` };
    if (record.state === WorkState.RUNNING && record.worker !== worker)
      return { kind: 'lost', why: `attempt ${attempt} at ${key} is in the hands of ${record.worker}` };
    const mine: R = { ...record, state: WorkState.RUNNING, worker };
    try {
      const revision = await store.records.update(key, codec.encode(mine).finish(), stored.revision);
      return { kind: 'taken', assignment: hold(options, mine, revision) };
    } catch (error) {
      // Somebody was first: look again at what they made of it.
      if (!isConflict(error)) throw error;
    }
  }
}

function hold<R extends WorkRecord>(
  options: ClaimOptions<R>,
  first: R,
  firstRevision: number,
): Assignment<R> {
  const { store, key, codec } = options;
  let record = first;
  let revision = firstRevision;
  let open = true;
  const controller = new AbortController();
  const lose = (): DdkError => {
    open = false;
    clearInterval(timer);
    const lost = new DdkError('aborted', `The assignment ${key} was withdrawn or given to another attempt.`, {
      reason: 'ASSIGNMENT_LOST',
    });
    controller.abort(lost);
    return lost;
  };
  let looking = false;
  /** Commits of our own under way: the record may be at their revision before they return. */
  let writing = 0;
  const look = async (): Promise<void> => {
    if (looking || writing > 0 || !open) return;
    looking = true;
    try {
      const seen = revision;
      const stored = await store.records.get(key);
      // A commit of our own may have begun meanwhile, or come between; the next look sees what became of it.
      if (open && writing === 0 && revision === seen && stored?.revision !== seen) lose();
    } catch {
      // The store is away for a moment; the commit will say so if it stays away.
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), options.pollMs ?? 250);
  timer.unref();

  const write = async (next: R): Promise<void> => {
    if (!open) throw controller.signal.aborted ? controller.signal.reason : lose();
    writing += 1;
    try {
      revision = await store.records.update(key, codec.encode(next).finish(), revision);
      record = next;
    } catch (error) {
      throw isConflict(error) ? lose() : error;
    } finally {
      writing -= 1;
    }
  };
  return {
    get record() {
      return record;
    },
    signal: controller.signal,
    commit: (change) => write({ ...record, ...change }),
    async fail(error) {
      assert(record.state === WorkState.RUNNING, 'only work in hand can fail');
      const failure = {
        code: error.reason ?? error.code.toUpperCase(),
        message: error.message.slice(0, longestMessage),
      };
      await write({ ...record, state: WorkState.FAILED, failure, failureRetryable: error.retryable });
      open = false;
      clearInterval(timer);
    },
    release() {
      open = false;
      clearInterval(timer);
    },
  };
}
