// `ddk report`: a run's report and metrics, again or with other runs beside it.
import path from 'node:path';
import { makeRunFolder, writeMetrics, writeReport } from '../finish.js';
import { findRun } from '../run-records.js';
import type { Session } from '../session.js';
import { requireRoom } from '../user-path.js';

interface ReportOptions {
  readonly out?: string;
  readonly with?: readonly string[];
}

export async function writeRunReport(
  { data, display }: Session,
  name: string,
  options: ReportOptions,
): Promise<void> {
  const run = await findRun(data.store, name);
  const arms = await Promise.all((options.with ?? []).map((other) => findRun(data.store, other)));
  const folder =
    options.out === undefined ? data.runFolder(run.spec?.name ?? run.id) : path.resolve(options.out);
  await requireRoom({ path: folder, cannot: 'hold the report', remedy: 'give another folder with --out' });
  await makeRunFolder(folder);
  const report = await writeReport(data, run, folder, arms);
  const metrics = await writeMetrics(data.store, run, folder);
  display.result(`report   ${report}\nmetrics  ${metrics}`, { report, metrics });
}
