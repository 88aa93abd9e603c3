// `ddk gc`: what no record needs any more, shown first and deleted only when asked.
import { DdkError, formatBytes, formatDurationMs } from '#base';
import { table } from '../display/table.js';
import { reachableArtifacts } from '../reachable.js';
import type { Session } from '../session.js';

/**
 * Artifacts that no record reaches, oldest first. One that is younger than `graceMs` may belong to work that has not been
 * committed yet, so it stays; age alone never condemns anything. Nothing is deleted while another process of this folder
 * may be about to commit what it has put: failed_precondition.
 */
export async function collectGarbage(
  { data, display }: Session,
  options: { readonly delete: boolean; readonly graceMs: number },
): Promise<void> {
  const { artifacts } = data.store;
  const needed = await reachableArtifacts(data.store);
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
  if (options.delete) for (const { digest } of doomed) await artifacts.delete(digest);
  const rows = doomed
    .slice(0, 50)
    .map((a) => [a.digest.slice(0, 19), formatBytes(a.bytes), new Date(a.modifiedMs).toISOString()]);
  const verb = options.delete ? 'Deleted' : 'Could delete';
  const spared =
    young === 0
      ? ''
      : ` ${young} that no record needs were written in the last ${formatDurationMs(options.graceMs)} and are spared; --grace-minutes 0 takes them too.`;
  const summary = `${verb} ${doomed.length} artifacts with ${formatBytes(bytes)}; records need ${formatBytes(kept)}.${spared}`;
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
