// The requests of a stream until the server is about to stop: callers with long streams are sent elsewhere.
import { DdkError } from '#base';
import type { Health } from '#rpc';

/** Passes `source` on; throws `unavailable` instead of waiting for more once the server drains. */
export async function* untilDraining<T>(source: AsyncIterable<T>, health: Health): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let leave: () => void = () => {};
  const draining = new Promise<'draining'>((resolve) => {
    leave = health.onChange(() => {
      if (health.draining) resolve('draining');
    });
  });
  try {
    for (;;) {
      const pending = iterator.next();
      const next = health.draining ? 'draining' : await Promise.race([pending, draining]);
      if (next === 'draining') {
        // Nobody waits for it any more, however it ends.
        pending.catch(() => {});
        throw new DdkError('unavailable', 'This server is stopping; ask another one, or again in a moment.');
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    leave();
  }
}
