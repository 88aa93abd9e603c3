// Work done several at a time, results in the order of the questions.

/**
 * Applies `body` to each item with at most `limit` under way. The source is asked for an item only when one may start, and results wait
 * until they are taken, so that a slow taker slows the source down: memory is bounded by `limit` items and results.
 */
export async function* mapOrdered<Item, Result>(
  source: AsyncIterable<Item>,
  limit: number,
  body: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const underWay: Promise<Result>[] = [];
  try {
    for await (const item of source) {
      const result = body(item);
      // Its failure is met when its turn comes; until then it must not count as unhandled.
      result.catch(() => undefined);
      underWay.push(result);
      if (underWay.length >= limit) yield await underWay.shift()!;
    }
    while (underWay.length > 0) yield await underWay.shift()!;
  } finally {
    await Promise.allSettled(underWay);
  }
}
