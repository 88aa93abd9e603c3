// Many small pieces of work, some at a time, with the event loop's turn between.
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * What `body` makes of every item, in their order: `size` items at once, then, before the next ones, a turn for everything
 * else that the process has to answer. Rejects with the first failure, and begins no further group after it.
 */
export async function inGroups<T, R>(
  items: readonly T[],
  size: number,
  body: (item: T, index: number) => R | Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += size) {
    if (from > 0) await nextTurn();
    const group = items.slice(from, from + size);
    for (const result of await Promise.all(group.map((item, at) => body(item, from + at))))
      results.push(result);
  }
  return results;
}
