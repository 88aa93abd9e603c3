// From calls to an async iteration: what is put is read in order by one reader.

export interface MailboxOptions<T> {
  /** Messages that may wait for a reader that lags. Default 10,000. */
  readonly most?: number;
  /** What stays of too many messages; fewer than there are. Default: all but the oldest. */
  readonly thin?: (waiting: readonly T[]) => T[];
}

/** Joins work that calls back with a stream that is pulled. */
export class Mailbox<T> implements AsyncIterable<T> {
  readonly #most: number;
  readonly #thin: (waiting: readonly T[]) => T[];
  #waiting: T[] = [];
  #ended: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(options: MailboxOptions<T> = {}) {
    this.#most = options.most ?? 10_000;
    this.#thin = options.thin ?? ((waiting) => waiting.slice(1));
  }

  put(message: T): void {
    if (this.#ended) return;
    this.#waiting.push(message);
    if (this.#waiting.length > this.#most) this.#waiting = this.#thin(this.#waiting);
    this.#wake();
  }

  /** Ends the iteration once everything put is read; throws `error` there, if one is given. */
  end(error?: unknown): void {
    this.#ended ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#ended) {
        if (this.#ended.error !== undefined) throw this.#ended.error;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** What `work` tells of while it goes on; ends, or fails, as it does. A reader that leaves does not end the work. */
export async function* streamOf<T>(work: (tell: (message: T) => void) => Promise<void>): AsyncGenerator<T> {
  const mailbox = new Mailbox<T>();
  work((message) => mailbox.put(message)).then(
    () => mailbox.end(),
    (error: unknown) => mailbox.end(error),
  );
  yield* mailbox;
}
