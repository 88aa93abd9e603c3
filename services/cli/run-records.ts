// Runs read straight from the store, for when no scheduler is running.
import { DdkError } from '#base';
import { Run, type StepMetrics, StepMetricsLog } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { readIntervals } from '../scheduler/history.js';
import { runRecords } from '../scheduler/run-store.js';

/** A metrics log of one interval is far below this. */
const maxLogBytes = 1 << 28;

/** Newest first. */
export async function listRuns(store: Store): Promise<Run[]> {
  const records = await runRecords(store.records);
  return records
    .map((r) => ({ ...Run.decode(r.value), revision: BigInt(r.revision) }))
    .sort((a, b) => (b.createdAt?.getTime() ?? 0) - (a.createdAt?.getTime() ?? 0));
}

/** By id or name. not_found names the runs there are. */
export async function findRun(store: Store, idOrName: string): Promise<Run> {
  const runs = await listRuns(store);
  const run = runs.find((r) => r.id === idOrName || r.spec?.name === idOrName);
  if (run) return run;
  const known = runs.slice(0, 10).map((r) => r.spec?.name ?? r.id);
  const hint = known.length === 0 ? 'There are no runs here yet.' : `There are: ${known.join(', ')}.`;
  throw new DdkError('not_found', `There is no run "${idOrName}" in this data folder. ${hint}`);
}

/** The metrics of every step that the run's finished intervals committed, in order. */
export async function stepMetrics(store: Store, run: Run): Promise<StepMetrics[]> {
  const steps: StepMetrics[] = [];
  for await (const interval of readIntervals(store.records, run)) {
    if (interval.metricsDigest === '') continue;
    const bytes = await store.artifacts.bytes(interval.metricsDigest, { maxBytes: maxLogBytes });
    steps.push(...StepMetricsLog.decode(bytes).steps);
  }
  return steps;
}
