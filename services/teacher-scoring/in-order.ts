// Several pieces of work in hand at once, their results in the order they were asked for.

/**
 * Maps `source` with at most `ahead` results not yet taken. A result is passed on as soon as it is there, whether or not
 * the source has more. When the source fails, what was in hand is passed on first.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T>,
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const inHand: Promise<R>[] = [];
  let end: { readonly error: unknown } | 'well' | undefined;
  let stopped = false;
  let wake: () => void = () => {};
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  // Reader and writer wait in turn for the same bell: one only when there is room to fill, the other only when there is
  // nothing to take.
  const ring = (): void => {
    const ringing = wake;
    wake = () => {};
    ringing();
  };

  const read = async (): Promise<void> => {
    for await (const item of source) {
      if (stopped) return;
      const result = work(item);
      // Its failure is met when its turn comes.
      result.catch(() => {});
      inHand.push(result);
      ring();
      while (inHand.length >= ahead && !stopped) await change();
      if (stopped) return;
    }
  };
  read()
    .then(
      () => {
        end = 'well';
      },
      (error: unknown) => {
        end = { error };
      },
    )
    .finally(() => ring());

  try {
    for (;;) {
      const next = inHand[0];
      if (next !== undefined) {
        const result = await next;
        inHand.shift();
        ring();
        yield result;
      } else if (end === undefined) {
        await change();
      } else if (end === 'well') {
        return;
      } else {
        throw end.error;
      }
    }
  } finally {
    stopped = true;
    ring();
  }
}
