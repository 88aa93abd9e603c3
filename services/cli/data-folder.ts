// The folder that holds a user's runs: the store, what each run leaves for people, and who is at work in it.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DdkError } from '#base';
import {
  type Claim,
  claimFolder,
  type Holder,
  type HolderRole,
  markWriting,
  type Occupant,
  openDataStore,
  othersAtWork,
  readHolder,
  type Store,
} from '#store';

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

export async function openDataFolder(root: string): Promise<DataFolder> {
  const absolute = path.resolve(root);
  await mkdir(absolute, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EEXIST' ? 'it is a file' : cause.message;
    throw new DdkError(
      'invalid_argument',
      `${absolute} cannot hold runs: ${why}; give another folder with --data.`,
      { cause },
    );
  });
  const store = await openDataStore(absolute);
  return {
    root: absolute,
    store,
    runFolder: (name) => path.join(absolute, 'runs', name),
    holder: () => readHolder(absolute),
    async holding(body, role = 'command') {
      const claim = await claimFolder(absolute, role);
      try {
        return await body(claim);
      } finally {
        await claim.release();
      }
    },
    async writing(body) {
      const done = await markWriting(absolute);
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
