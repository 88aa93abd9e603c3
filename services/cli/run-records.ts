// Runs read straight from the store, for when no scheduler is running.
import { DdkError } from '#base';
import { IntervalRecord, Run } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { runRecords } from '#work';
import { readIntervals } from '../scheduler/history.js';
import { readMetricsLogs, type StoredSteps } from './metrics-log.js';

/** Newest first. */
export async function listRuns(store: Store): Promise<Run[]> {
  const records = await runRecords(store.records);
  return records
    .map((r) => ({ ...Run.decode(r.value), revision: BigInt(r.revision) }))
    .sort((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
}

/** The run of this name, if there is one. */
export const runNamed = async (store: Store, name: string): Promise<Run | undefined> =>
  (await listRuns(store)).find((run) => run.spec?.name === name);

/** By id or name. not_found names the runs there are. */
export async function findRun(store: Store, idOrName: string): Promise<Run> {
  const runs = await listRuns(store);
  const run = runs.find((r) => r.id === idOrName || r.spec?.name === idOrName);
  if (run) return run;
  const known = runs.slice(0, 10).map((r) => r.spec?.name ?? r.id);
  const hint = known.length === 0 ? 'There are no runs here yet.' : `There are: ${known.join(', ')}.`;
  throw new DdkError('not_found', `There is no run "${idOrName}" in this data folder. ${hint}`);
}

/**
 * The metrics of every step that the run has committed, those of the interval in hand too, in order. An aborted signal ends
 * the reading.
 */
export async function stepMetrics(store: Store, run: Run, signal?: AbortSignal): Promise<StoredSteps> {
  const heads = new Set<string>();
  for await (const { metricsDigest } of readIntervals(store.records, run)) {
    signal?.throwIfAborted();
    heads.add(metricsDigest);
  }
  heads.add((await trainingInHand(store, run))?.metricsDigest ?? '');
  return readMetricsLogs(store.artifacts, [...heads], signal);
}

/** The record of the interval that the run is at, once its training was assigned. */
export async function trainingInHand(store: Store, run: Run): Promise<IntervalRecord | undefined> {
  const stored = await store.records.get(`runs/${run.id}/train/${run.interval}`);
  return stored && IntervalRecord.decode(stored.value);
}
