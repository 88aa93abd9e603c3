// Who is at work in a data folder: one process may hold it, with its services or to clear it up; any number may be
// writing artifacts. For stores on disk alone: what else shares a store is told apart by its records.

import { readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { createFileExclusive, DdkError, makeFolder, unreachable, writeFileDurable } from '#base';
import { isAlive, type ProcessIdentity, readIdentity, thisProcess } from './process-identity.js';

/**
 * What a process holds a folder for: a `command` with the services in it, the `scheduler` that is a process of its own, or
 * a `collector` that deletes what nobody needs.
 */
export type HolderRole = 'command' | 'scheduler' | 'collector';

export interface HolderAddresses {
  readonly schedulerAddress: string;
  /** Undefined where the holder has no evaluator of its own. */
  readonly evaluatorAddress?: string | undefined;
}

/** The process that holds a folder. Its addresses are there once its services listen. */
export interface Holder extends ProcessIdentity {
  readonly role: HolderRole;
  readonly addresses: HolderAddresses | undefined;
}

export interface Claim {
  /** Tells other processes where the services listen. */
  announce(addresses: HolderAddresses): Promise<void>;
  release(): Promise<void>;
}

/** A live process in a folder. */
export interface Occupant {
  readonly pid: number;
  /** Undefined where it only puts artifacts. */
  readonly holder: Holder | undefined;
}

const claimFile = (root: string): string => path.join(root, 'running.json');
const writersFolder = (root: string): string => path.join(root, 'writers');

/** The process that holds the folder, if it is alive. */
export async function readHolder(root: string): Promise<Holder | undefined> {
  const found = parseHolder(await readText(claimFile(root)));
  return found && isAlive(found) ? found : undefined;
}

/** Takes the data folder `root`, which is there, for this process. failed_precondition: another live process has it. */
export async function claimFolder(root: string, role: HolderRole): Promise<Claim> {
  const folder = path.resolve(root);
  const file = claimFile(folder);
  const mine = { ...thisProcess(), role };
  for (let attempt = 0; attempt < 5; attempt++) {
    if (await createFileExclusive(file, Buffer.from(JSON.stringify(mine)))) {
      return {
        announce: (addresses) => writeFileDurable(file, JSON.stringify({ ...mine, ...addresses })),
        release: () => rm(file, { force: true }),
      };
    }
    const text = await readText(file);
    const other = parseHolder(text);
    if (other && isAlive(other)) throw heldBy(folder, other);
    if (text !== undefined) await removeStale(file, text);
  }
  throw new DdkError('aborted', `${file} changes hands faster than it can be claimed; try again.`);
}

/** The refusal of work that needs the folder for itself, with the way on. */
export function heldBy(root: string, { pid, role, addresses }: Holder): DdkError {
  const work = `Process ${pid} is at work in ${root}`;
  const orElse = `give another data folder (--data, or DDK_DATA), or remove ${claimFile(root)} if that process has nothing to do with ddk.`;
  const refuse = (message: string) => new DdkError('failed_precondition', message, { reason: 'FOLDER_HELD' });
  switch (role) {
    case 'command':
      return refuse(`${work}. Watch it with \`ddk watch RUN\`, ${orElse}`);
    case 'scheduler':
      return addresses
        ? refuse(
            `${work} as the scheduler at ${addresses.schedulerAddress}: go through it with --scheduler ${addresses.schedulerAddress}, ${orElse}`,
          )
        : refuse(`${work}: a scheduler that is starting. Go through it with --scheduler, ${orElse}`);
    case 'collector':
      return refuse(`${work}: \`ddk gc\` deletes what nobody needs. Try again when it has ended.`);
    default:
      return unreachable(role);
  }
}

/**
 * Marks this process as one that puts artifacts which no record names yet, until what it returns is called.
 * failed_precondition: garbage is being collected in the folder.
 */
export async function markWriting(root: string): Promise<() => Promise<void>> {
  const folder = path.resolve(root);
  await makeFolder(writersFolder(folder));
  const file = path.join(writersFolder(folder), `${process.pid}.json`);
  await writeFileDurable(file, JSON.stringify(thisProcess()));
  const unmark = () => rm(file, { force: true });
  // A collector holds the folder before it looks for marks: of the two, at least one sees the other.
  const holder = await readHolder(folder);
  if (holder?.role !== 'collector' || holder.pid === process.pid) return unmark;
  await unmark();
  throw heldBy(folder, holder);
}

/** Live processes that hold the folder or write to it, this one left out; the holder is the first. */
export async function othersAtWork(root: string): Promise<readonly Occupant[]> {
  const found = new Map<number, Occupant>();
  const holder = await readHolder(root);
  if (holder) found.set(holder.pid, { pid: holder.pid, holder });
  for (const name of await readdir(writersFolder(root)).catch(() => [])) {
    const file = path.join(writersFolder(root), name);
    const writer = parseHolder(await readText(file));
    if (!writer || !isAlive(writer)) await rm(file, { force: true });
    else if (!found.has(writer.pid)) found.set(writer.pid, { pid: writer.pid, holder: undefined });
  }
  found.delete(process.pid);
  return [...found.values()];
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
    const value = JSON.parse(text ?? 'null') as Partial<HolderAddresses & { role: unknown }> | null;
    const identity = readIdentity(value);
    if (!identity) return undefined;
    const { schedulerAddress, evaluatorAddress, role } = value ?? {};
    return {
      ...identity,
      role: role === 'scheduler' || role === 'collector' ? role : 'command',
      addresses:
        typeof schedulerAddress !== 'string'
          ? undefined
          : {
              schedulerAddress,
              evaluatorAddress: typeof evaluatorAddress === 'string' ? evaluatorAddress : undefined,
            },
    };
  } catch {
    // A torn write of a process that was killed: nobody's.
    return undefined;
  }
}
