// `ddk gc`: what no record needs any more, shown first and deleted only when asked.
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, formatBytes, formatDurationMs } from '#base';
import { targetCacheFolder } from '#teacher';
import { table } from '../display/table.js';
import { forgetCaches, reachableArtifacts } from '../reachable.js';
import type { Session } from '../session.js';

/**
 * Artifacts that no record reaches, oldest first. One that is younger than `graceMs` may belong to work that has not been
 * committed yet, so it stays; age alone never condemns anything. Nothing is deleted while another process of this folder
 * may be about to commit what it has put: failed_precondition.
 */
export async function collectGarbage(
  { data, display }: Session,
  options: { readonly delete: boolean; readonly graceMs: number; readonly caches: boolean },
): Promise<void> {
  const { artifacts } = data.store;
  const needed = await reachableArtifacts(data.store, { caches: !options.caches });
  const others = await data.othersAtWork();
  if (options.delete && others.length > 0)
    throw new DdkError(
      'failed_precondition',
      `Nothing is deleted while others are at work in ${data.root} (process ${others.join(', ')}); try again when they have ended.`,
    );
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
    for (const { digest } of doomed) await artifacts.delete(digest);
    if (options.caches) await rm(targetCacheFolder(data.root), { recursive: true, force: true });
  }
  const rows = doomed
    .slice(0, 50)
    .map((a) => [a.digest.slice(0, 19), formatBytes(a.bytes), new Date(a.modifiedMs).toISOString()]);
  const verb = options.delete ? 'Deleted' : 'Could delete';
  const spared =
    young === 0
      ? ''
      : ` ${young} that no record needs were written in the last ${formatDurationMs(options.graceMs)} and are spared; --grace-minutes 0 takes them too.`;
  const cached = options.caches ? ` and ${formatBytes(targets)} of cached targets` : '';
  const summary = `${verb} ${doomed.length} artifacts with ${formatBytes(bytes)}${cached}; records need ${formatBytes(kept)}.${spared}`;
  const hint = options.delete || doomed.length === 0 ? '' : '\n`ddk gc --delete` deletes them.';
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
  });
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name))).size;
  return bytes;
}
