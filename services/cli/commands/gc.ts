// `ddk gc`: what no record needs any more, shown first and deleted only when asked.
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, formatBytes, formatDurationMs } from '#base';
import type { Occupant } from '#store';
import { targetCacheFolder } from '#teacher';
import { table } from '../display/table.js';
import { forgetCaches, reachableArtifacts } from '../reachable.js';
import type { Session } from '../session.js';

interface GarbageOptions {
  readonly delete: boolean;
  readonly graceMs: number;
  readonly caches: boolean;
}

/**
 * Artifacts that no record reaches, oldest first. One that is younger than `graceMs` may belong to work that has not been
 * committed yet, so it stays; age alone never condemns anything. Nothing is deleted while another process of this folder
 * may be about to commit what it has put: failed_precondition. None begins to while it is being deleted.
 */
export async function collectGarbage(session: Session, options: GarbageOptions): Promise<void> {
  const { data } = session;
  const others = await data.othersAtWork();
  const isThere = await stat(data.root).then(
    () => true,
    () => false,
  );
  // What is not there is not made to be held.
  if (!options.delete || !isThere) return sweep(session, options, others);
  const refuse = (found: readonly Occupant[]): void => {
    if (found.length === 0) return;
    throw new DdkError('failed_precondition', `Nothing is deleted while ${occupied(found, data.root)}.`, {
      reason: 'FOLDER_HELD',
    });
  };
  refuse(others);
  await data.holding(async () => {
    refuse(await data.othersAtWork());
    await sweep(session, options, []);
  }, 'collector');
}

/** Shows what no record reaches, and deletes it if asked. */
async function sweep(
  { data, display }: Session,
  options: GarbageOptions,
  others: readonly Occupant[],
): Promise<void> {
  const { artifacts } = data.store;
  const needed = await reachableArtifacts(data.store, { caches: !options.caches });
  const youngest = Date.now() - options.graceMs;
  const doomed: { readonly digest: string; readonly bytes: number; readonly modifiedMs: number }[] = [];
  let kept = 0;
  let young = 0;
  for await (const artifact of artifacts.list()) {
    if (needed.has(artifact.digest)) kept += artifact.bytes;
    else if (artifact.modifiedMs <= youngest) doomed.push(artifact);
    else young += 1;
  }
  doomed.sort((a, b) => a.modifiedMs - b.modifiedMs);
  const bytes = doomed.reduce((sum, a) => sum + a.bytes, 0);
  const targets = options.caches ? await folderBytes(targetCacheFolder(data.root)) : 0;
  if (options.delete) {
    if (options.caches) await forgetCaches(data.store, needed);
    for (const { digest } of doomed) await artifacts.delete(digest, { unlessPutSinceMs: youngest });
    if (options.caches) await rm(targetCacheFolder(data.root), { recursive: true, force: true });
  }
  const rows = doomed
    .slice(0, 50)
    .map((a) => [a.digest.slice(0, 19), formatBytes(a.bytes), new Date(a.modifiedMs).toISOString()]);
  const verb = options.delete ? 'Deleted' : 'Could delete';
  const spared =
    young === 0
      ? ''
      : ` ${young} that no record needs were written in the last ${formatDurationMs(options.graceMs)} and are spared${others.length > 0 ? '.' : '; as nobody else is at work here, --grace-minutes 0 takes them too.'}`;
  const cached = options.caches ? ` and ${formatBytes(targets)} of cached targets` : '';
  const summary = `${verb} ${doomed.length} artifacts with ${formatBytes(bytes)}${cached}; records need ${formatBytes(kept)}.${spared}`;
  const hint = options.delete || doomed.length + young === 0 ? '' : hintOf(doomed.length, others, data.root);
  const list =
    rows.length === 0
      ? ''
      : `${table(
          [
            { title: 'artifact', align: 'left' },
            { title: 'size', align: 'right' },
            { title: 'written', align: 'left' },
          ],
          rows,
        )}\n`;
  display.result(`${list}${summary}${hint}`, {
    deleted: options.delete,
    artifacts: doomed,
    bytes,
    keptBytes: kept,
    spared: young,
    atWork: others.map(({ pid }) => pid),
  });
}

function hintOf(doomed: number, others: readonly Occupant[], root: string): string {
  if (others.length > 0) return `\nNothing can be deleted while ${occupied(others, root)}.`;
  return doomed === 0 ? '' : '\n`ddk gc --delete` deletes them.';
}

/** Who is at work and how that ends; the end of a sentence. */
function occupied(others: readonly Occupant[], root: string): string {
  const { role, addresses } = others[0]?.holder ?? {};
  const pids = others.map(({ pid }) => pid).join(', ');
  const work = `${others.length === 1 ? 'process' : 'processes'} ${pids} ${others.length === 1 ? 'is' : 'are'} at work in ${root}`;
  switch (role) {
    case 'command':
      return `${work}: let the run end, or end it with Ctrl-C (the same command continues it), then try again; checkpoints that it supersedes it deletes by itself`;
    case 'scheduler':
      return `${work}, among them the scheduler${addresses ? ` at ${addresses.schedulerAddress}` : ''}: stop the services, then try again (runs go on when they are started again); checkpoints that a run supersedes its trainer deletes by itself`;
    case 'collector':
    case undefined:
      return `${work}: try again when that has ended`;
  }
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name))).size;
  return bytes;
}
