// A store that tells of failures which no retry mends, such as a full disk, besides throwing them where they happen.
import { DdkError } from '#base';
import type { Store } from '#store';

const needsAPerson: ReadonlySet<string | undefined> = new Set(['STORE_FULL', 'STORE_READ_ONLY']);

/** Calls `tell` whenever something cannot be written for want of space or permission. */
export function watchfulStore(store: Store, tell: (error: DdkError) => void): Store {
  const { records, artifacts } = store;
  const watched = async <T>(writing: Promise<T>): Promise<T> => {
    try {
      return await writing;
    } catch (thrown) {
      const error = DdkError.from(thrown);
      if (needsAPerson.has(error.reason)) tell(error);
      throw error;
    }
  };
  return {
    records: {
      get: (key) => records.get(key),
      create: (key, value) => watched(records.create(key, value)),
      update: (key, value, expectedRevision) => watched(records.update(key, value, expectedRevision)),
      delete: (key, expectedRevision) => watched(records.delete(key, expectedRevision)),
      list: (prefix) => records.list(prefix),
      watch: (prefix, signal) => records.watch(prefix, signal),
    },
    artifacts: {
      put: (source) => watched(artifacts.put(source)),
      putFile: (path) => watched(artifacts.putFile(path)),
      has: (digest) => artifacts.has(digest),
      stat: (digest) => artifacts.stat(digest),
      bytes: (digest, options) => artifacts.bytes(digest, options),
      localPath: (digest) => artifacts.localPath(digest),
      list: () => artifacts.list(),
      delete: (digest) => artifacts.delete(digest),
    },
    check: () => store.check(),
    close: () => store.close(),
  };
}
