// One ScoreSequences stream as an object: batches in, payloads out, several on their way at once, reconnecting by itself.
import { type Clock, DdkError, type Logger } from '#base';
import type {
  ScoreOptions,
  ScoreSequencesRequest,
  TeacherScoringServiceService,
} from '#proto/ddk/v1/teacher_scoring';
import type { Client } from '#rpc';

export interface ScoreStreamOptions {
  readonly client: Client<typeof TeacherScoringServiceService>;
  readonly options: ScoreOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How long a teacher may be away before those who wait for it are told. */
  readonly giveUpMs: number;
}

export interface ScoreStream {
  /** The payload of one message's windows. Rejects with the teacher's refusal, or with the signal's reason. */
  score(rows: number, tokenIds: Buffer, signal?: AbortSignal): Promise<Uint8Array>;
  /** Ends the stream; what still waits is rejected. */
  close(): void;
}

interface Batch {
  readonly rows: number;
  readonly tokenIds: Buffer;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: DdkError) => void;
  abandoned: boolean;
}

/** Batches sent and not answered. Two keep the teacher's session busy; more only wait there instead of here. */
const maxUnanswered = 3;
const firstBackoffMs = 100;
const longestBackoffMs = 2_000;

/** Opens nothing yet; the stream begins with the first batch, so that its spans belong to whoever asks first. */
export function openScoreStream(settings: ScoreStreamOptions): ScoreStream {
  const { client, options, logger, clock, giveUpMs } = settings;
  const waiting: Batch[] = [];
  const unanswered = new Map<bigint, Batch>();
  const closing = new AbortController();
  let wake: () => void = () => {};
  let nextId = 0n;
  let running = false;

  /** Takes batches for one stream until that stream is over; a later one takes what this one has not. */
  async function* requests(over: AbortSignal): AsyncGenerator<ScoreSequencesRequest> {
    yield { message: { $case: 'options', value: options } };
    while (!over.aborted) {
      const batch = unanswered.size < maxUnanswered ? waiting.shift() : undefined;
      if (batch === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (!batch.abandoned) {
        const id = nextId;
        nextId += 1n;
        unanswered.set(id, batch);
        const { rows, tokenIds } = batch;
        yield { message: { $case: 'windows', value: { id, rows, tokenIds } } };
      }
    }
  }

  /** Answers batches until the stream ends, which is a DdkError however it ends. */
  async function converse(onAnswer: () => void): Promise<never> {
    const over = new AbortController();
    try {
      const { signal } = closing;
      for await (const { id, payload } of client.scoreSequences(requests(over.signal), { signal })) {
        const batch = unanswered.get(id);
        if (batch === undefined) {
          throw new DdkError('data_loss', `The teacher answered batch ${id}, which was not asked.`);
        }
        unanswered.delete(id);
        batch.resolve(payload);
        onAnswer();
        wake();
      }
      throw new DdkError('unavailable', 'The teacher ended the stream.');
    } finally {
      over.abort();
      wake();
    }
  }

  async function run(): Promise<void> {
    let backoffMs = firstBackoffMs;
    let awaySinceMs: number | undefined;
    while (!closing.signal.aborted) {
      try {
        await converse(() => {
          backoffMs = firstBackoffMs;
          awaySinceMs = undefined;
        });
      } catch (thrown) {
        const error = DdkError.from(thrown);
        // In the order they were asked in; scoring is pure, so asking again does no harm.
        waiting.unshift(...unanswered.values());
        unanswered.clear();
        awaySinceMs ??= clock.monotonicMs();
        const patient = error.code === 'unavailable' && clock.monotonicMs() - awaySinceMs < giveUpMs;
        if (!patient || closing.signal.aborted) {
          for (const batch of waiting.splice(0)) batch.reject(error);
          running = false;
          return;
        }
        logger.warn({ err: error, backoffMs }, 'the teacher does not answer; asking again');
        await clock.sleep(backoffMs, closing.signal).catch(() => {});
        backoffMs = Math.min(2 * backoffMs, longestBackoffMs);
      }
    }
    running = false;
  }

  return {
    score(rows, tokenIds, signal) {
      if (closing.signal.aborted) return Promise.reject(closing.signal.reason);
      if (signal?.aborted) return Promise.reject(DdkError.from(signal.reason));
      return new Promise((resolve, reject) => {
        const abandon = (): void => {
          batch.abandoned = true;
          reject(DdkError.from(signal?.reason));
        };
        const settled = (): void => signal?.removeEventListener('abort', abandon);
        const batch: Batch = {
          rows,
          tokenIds,
          abandoned: false,
          resolve: (payload) => {
            settled();
            resolve(payload);
          },
          reject: (error) => {
            settled();
            reject(error);
          },
        };
        signal?.addEventListener('abort', abandon, { once: true });
        waiting.push(batch);
        wake();
        if (!running) {
          running = true;
          void run();
        }
      });
    },
    close() {
      const error = new DdkError('cancelled', 'The stream to the teacher was closed.');
      closing.abort(error);
      wake();
      for (const batch of [...waiting.splice(0), ...unanswered.values()]) batch.reject(error);
      unanswered.clear();
    },
  };
}
