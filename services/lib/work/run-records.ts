// The records of runs: one each under `runs/<id>`, its name under `names/<name>`.
import type { RecordStore, StoredRecord } from '#store';

export const runKey = (id: string): string => `runs/${id}`;

/** The records of all runs, found by their names: below the key of each there are many more. */
export async function runRecords(records: RecordStore): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (const { value } of await records.list('names/')) {
    const run = await records.get(runKey(Buffer.from(value).toString('utf8')));
    // A name may have been claimed by a call that was cut off before it made the run.
    if (run) found.push(run);
  }
  return found;
}
