// From calls to an async iteration: what is put is read in order by one reader.

/** A reader that lags keeps the latest messages: progress is superseded by the next. */
const most = 10_000;

/** Joins work that calls back with a stream that is pulled. */
export class Mailbox<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #ended: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  put(message: T): void {
    if (this.#ended) return;
    if (this.#waiting.length >= most) this.#waiting.shift();
    this.#waiting.push(message);
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
