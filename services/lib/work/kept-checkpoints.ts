// Which checkpoints must stay: what may be deleted follows from records, never from age alone.
import { EvaluationRecord, ExportRecord, IntervalRecord, Run } from '#proto/ddk/v1/types';
import type { RecordStore } from '#store';
import { runRecords } from './run-records.js';

/** A record of work in hand, or done last, by the checkpoints it names. */
interface Work {
  readonly baseCheckpointDigest?: string;
  readonly checkpointDigest: string;
}

/**
 * The rule: a run keeps the checkpoint it started from, its best one, its last one, those at both ends of its latest two
 * intervals, and what the records of its work build on. Its others may go; it can then no longer be forked from there.
 */
function keptCheckpoints(run: Run, work: readonly Work[]): ReadonlySet<string> {
  const named = [run.spec?.baseCheckpointDigest, run.bestCheckpointDigest, run.checkpointDigest];
  for (const { baseCheckpointDigest, checkpointDigest } of [...run.intervals.slice(-2), ...work])
    named.push(baseCheckpointDigest, checkpointDigest);
  return new Set(named.filter((digest): digest is string => digest !== undefined && digest !== ''));
}

/** Those of a run as the store has it. Throws where a record cannot be read or decoded: somebody may mend it. */
export async function checkpointsOfRun(records: RecordStore, run: Run): Promise<ReadonlySet<string>> {
  const work: Work[] = [];
  const add = async (key: string, codec: { decode(bytes: Uint8Array): Work }): Promise<void> => {
    const stored = await records.get(`runs/${run.id}/${key}`);
    if (stored) work.push(codec.decode(stored.value));
  };
  await add(`train/${run.interval}`, IntervalRecord);
  await add(`evaluate/${run.interval}`, EvaluationRecord);
  await add('export', ExportRecord);
  return keptCheckpoints(run, work);
}

/** Digests of the manifests that any run or pretraining of the store keeps, whatever has become of it. Throws likewise. */
export async function checkpointsInUse(records: RecordStore): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  for (const { value } of await runRecords(records))
    for (const digest of await checkpointsOfRun(records, Run.decode(value))) kept.add(digest);
  for (const { value } of await records.list('pretrain/')) kept.add(Buffer.from(value).toString('utf8'));
  return kept;
}
