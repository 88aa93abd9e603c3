// A store that tells of failures which no retry mends, such as a full disk or a deleted folder, besides throwing them
// where they happen.
import { DdkError } from '#base';
import type { Store } from '#store';

const needsAPerson: ReadonlySet<string | undefined> = new Set([
  'STORE_FULL',
  'STORE_READ_ONLY',
  'STORE_GONE',
]);

/** Calls `tell` whenever something cannot be done for want of space or permission, or of the store itself. */
export function watchfulStore(store: Store, tell: (error: DdkError) => void): Store {
  const { records, artifacts } = store;
  const told = (thrown: unknown): DdkError => {
    const error = DdkError.from(thrown);
    if (needsAPerson.has(error.reason)) tell(error);
    return error;
  };
  const watched = async <T>(doing: Promise<T>): Promise<T> => {
    try {
      return await doing;
    } catch (thrown) {
      throw told(thrown);
    }
  };
  async function* each<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* items;
    } catch (thrown) {
      throw told(thrown);
    }
  }
  return {
    records: {
      get: (key) => watched(records.get(key)),
      create: (key, value) => watched(records.create(key, value)),
      update: (key, value, expectedRevision) => watched(records.update(key, value, expectedRevision)),
      delete: (key, expectedRevision) => watched(records.delete(key, expectedRevision)),
      list: (prefix) => watched(records.list(prefix)),
      watch: (key, signal) => each(records.watch(key, signal)),
    },
    artifacts: {
      put: (source) => watched(artifacts.put(source)),
      putFile: (path) => watched(artifacts.putFile(path)),
      has: (digest) => watched(artifacts.has(digest)),
      stat: (digest) => watched(artifacts.stat(digest)),
      bytes: (digest, options) => watched(artifacts.bytes(digest, options)),
      localPath: (digest) => watched(artifacts.localPath(digest)),
      list: () => each(artifacts.list()),
      delete: (digest, options) => artifacts.delete(digest, options),
    },
    check: () => store.check(),
    close: () => store.close(),
  };
}
