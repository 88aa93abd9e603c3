// The folder that holds a user's runs: the store, what each run leaves for people, and who is at work in it.
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { createFileExclusive, DdkError } from '#base';
import { openDataStore, type Store } from '#store';

/** Who runs in a data folder, and where its scheduler listens. */
export interface Holder {
  readonly pid: number;
  readonly schedulerAddress: string;
  readonly evaluatorAddress: string;
}

export interface DataFolder {
  readonly root: string;
  readonly store: Store;
  /** The folder with a run's CSV, report and exported student. */
  runFolder(name: string): string;
  /** The process at work here, if one is alive. */
  holder(): Promise<Holder | undefined>;
  /** Claims the folder for this process. failed_precondition: another live process has it. */
  claim(holder: Omit<Holder, 'pid'>): Promise<() => Promise<void>>;
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
  const claimFile = path.join(absolute, 'running.json');
  const holder = async (): Promise<Holder | undefined> => {
    const found = await readHolder(claimFile);
    return found && isAlive(found.pid) ? found : undefined;
  };
  return {
    root: absolute,
    store,
    runFolder: (name) => path.join(absolute, 'runs', name),
    holder,
    async claim(addresses) {
      const mine = Buffer.from(JSON.stringify({ pid: process.pid, ...addresses }));
      for (let attempt = 0; attempt < 3; attempt++) {
        if (await createFileExclusive(claimFile, mine)) return () => rm(claimFile, { force: true });
        const other = await holder();
        if (other && other.pid !== process.pid)
          throw new DdkError(
            'failed_precondition',
            `Process ${other.pid} is at work in ${absolute}. Watch it with \`ddk watch RUN\`, or give another folder with --data.`,
          );
        // Left behind by a process that was killed.
        await rm(claimFile, { force: true });
      }
      throw new DdkError('aborted', `${claimFile} changes hands faster than it can be claimed; try again.`);
    },
    close: () => store.close(),
  };
}

async function readHolder(file: string): Promise<Holder | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { pid, schedulerAddress, evaluatorAddress } = JSON.parse(text) as Partial<Holder>;
    if (
      !Number.isInteger(pid) ||
      typeof schedulerAddress !== 'string' ||
      typeof evaluatorAddress !== 'string'
    )
      return undefined;
    return { pid: pid as number, schedulerAddress, evaluatorAddress };
  } catch {
    // Not ours to understand; whoever claims next replaces it.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, and another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
