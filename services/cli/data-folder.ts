// The folder that holds a user's runs: the store, what each run leaves for people, and who is at work in it.
import path from 'node:path';
import { makeFolder } from '#base';
import {
  type Claim,
  claimFolder,
  type Holder,
  type HolderRole,
  markWriting,
  type Occupant,
  openDataStore,
  openMemoryStore,
  othersAtWork,
  readHolder,
  type Store,
} from '#store';
import { nearestFolder, requireRoom, type UserPath, writingTo } from './user-path.js';

export interface DataFolder {
  readonly root: string;
  readonly store: Store;
  /** The folder with a run's CSV, report and exported student. */
  runFolder(name: string): string;
  /** The process that holds the folder with its services, if one is alive. */
  holder(): Promise<Holder | undefined>;
  /** Calls `body` while this process holds the folder. failed_precondition: another live process has it. */
  holding<T>(body: (claim: Claim) => Promise<T>, role?: HolderRole): Promise<T>;
  /**
   * Calls `body` while this process is known to put artifacts that no record names yet. failed_precondition while another
   * collects garbage.
   */
  writing<T>(body: () => Promise<T>): Promise<T>;
  /** Other live processes that hold the folder or write to it. */
  othersAtWork(): Promise<readonly Occupant[]>;
  close(): Promise<void>;
}

/**
 * Opens the folder, making it and its store unless `create` is false: then what is not there is taken for an empty store,
 * and nothing is made by looking.
 */
export async function openDataFolder(
  root: string,
  { create = true }: { readonly create?: boolean } = {},
): Promise<DataFolder> {
  const absolute = path.resolve(root);
  const place: UserPath = {
    path: absolute,
    cannot: 'hold runs',
    remedy: 'give another folder with --data',
  };
  const store = await writingTo(place, async () => {
    if (create) {
      await requireRoom(place);
      await makeFolder(absolute);
    }
    const kept = create || (await isFolder(absolute, 'store'));
    return kept ? openDataStore(absolute) : openMemoryStore();
  });
  return {
    root: absolute,
    store,
    runFolder: (name) => path.join(absolute, 'runs', name),
    holder: () => readHolder(absolute),
    async holding(body, role = 'command') {
      const claim = await writingTo(place, () => claimFolder(absolute, role));
      try {
        return await body(claim);
      } finally {
        await claim.release();
      }
    },
    async writing(body) {
      const done = await writingTo(place, () => markWriting(absolute));
      try {
        return await body();
      } finally {
        await done();
      }
    },
    othersAtWork: () => othersAtWork(absolute),
    close: () => store.close(),
  };
}

/** Throws where one of the two is a file. */
async function isFolder(folder: string, inner: string): Promise<boolean> {
  const whole = path.join(folder, inner);
  return (await nearestFolder(folder)) === folder && (await nearestFolder(whole)) === whole;
}
