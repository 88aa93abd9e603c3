// Who is at work in a data folder: one process may hold it, with its services; any number may be writing artifacts.
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { createFileExclusive, DdkError, makeFolder, writeFileDurable } from '#base';
import { isAlive, type ProcessIdentity, readIdentity, thisProcess } from './process-identity.js';

interface Addresses {
  readonly schedulerAddress: string;
  readonly evaluatorAddress: string;
}

/** The process that holds a folder. Its addresses are there once its services listen. */
export interface Holder extends ProcessIdentity {
  readonly addresses: Addresses | undefined;
}

export interface Claim {
  /** Tells other processes where the services listen. */
  announce(addresses: Addresses): Promise<void>;
  release(): Promise<void>;
}

const claimFile = (root: string): string => path.join(root, 'running.json');
const writersFolder = (root: string): string => path.join(root, 'writers');

/** The process that holds the folder, if it is alive. */
export async function readHolder(root: string): Promise<Holder | undefined> {
  const found = parseHolder(await readText(claimFile(root)));
  return found && isAlive(found) ? found : undefined;
}

/** Takes the folder for this process. failed_precondition: another live process has it. */
export async function claimFolder(root: string): Promise<Claim> {
  const file = claimFile(root);
  const mine = thisProcess();
  for (let attempt = 0; attempt < 5; attempt++) {
    if (await createFileExclusive(file, Buffer.from(JSON.stringify(mine)))) {
      return {
        announce: (addresses) => writeFileDurable(file, JSON.stringify({ ...mine, ...addresses })),
        release: () => rm(file, { force: true }),
      };
    }
    const text = await readText(file);
    const other = parseHolder(text);
    if (other && isAlive(other))
      throw new DdkError(
        'failed_precondition',
        `Process ${other.pid} is at work in ${root}. Watch it with \`ddk watch RUN\`, give another folder with --data, or remove ${file} if that process has nothing to do with ddk.`,
      );
    if (text !== undefined) await removeStale(file, text);
  }
  throw new DdkError('aborted', `${file} changes hands faster than it can be claimed; try again.`);
}

/** Marks this process as one that puts artifacts which no record names yet. */
export async function markWriting(root: string): Promise<() => Promise<void>> {
  const folder = writersFolder(root);
  await makeFolder(folder);
  const file = path.join(folder, `${process.pid}.json`);
  await writeFileDurable(file, JSON.stringify(thisProcess()));
  return () => rm(file, { force: true });
}

/** Live processes that hold the folder or write to it, this one left out. */
export async function othersAtWork(root: string): Promise<readonly number[]> {
  const pids = new Set<number>();
  const holder = await readHolder(root);
  if (holder) pids.add(holder.pid);
  for (const name of await readdir(writersFolder(root)).catch(() => [])) {
    const file = path.join(writersFolder(root), name);
    const writer = parseHolder(await readText(file));
    if (writer && isAlive(writer)) pids.add(writer.pid);
    else await rm(file, { force: true });
  }
  pids.delete(process.pid);
  return [...pids];
}

/** Moves the file aside before it is deleted, and puts it back if it is not the one that was found stale. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${process.pid}`;
  const moved = await rename(file, aside).then(
    () => true,
    // Somebody else has moved it.
    () => false,
  );
  if (!moved) return;
  const text = await readText(aside);
  if (text !== stale && text !== undefined) await createFileExclusive(file, Buffer.from(text));
  await rm(aside, { force: true });
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

function parseHolder(text: string | undefined): Holder | undefined {
  try {
    const value = JSON.parse(text ?? 'null') as Partial<Addresses> | null;
    const identity = readIdentity(value);
    if (!identity) return undefined;
    const { schedulerAddress, evaluatorAddress } = value ?? {};
    const announced = typeof schedulerAddress === 'string' && typeof evaluatorAddress === 'string';
    return { ...identity, addresses: announced ? { schedulerAddress, evaluatorAddress } : undefined };
  } catch {
    // A torn write of a process that was killed: nobody's.
    return undefined;
  }
}
