// What a run leaves for people: the student's files, the metrics as CSV, the report.
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, resolveInside, writeFileDurable } from '#base';
import { ExportManifest, type Run } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import type { DataFolder } from './data-folder.js';
import { gapTable } from './display/describe-run.js';
import { metricsCsv } from './metrics-csv.js';
import { renderReport } from './report/index.js';
import { reportData } from './report-of-run.js';
import { stepMetrics } from './run-records.js';

const maxManifestBytes = 1 << 20;

/** Writes all of it into the run's folder; returns a summary that names the files. */
export async function finishRun(data: DataFolder, run: Run): Promise<string> {
  const folder = data.runFolder(run.spec?.name ?? run.id);
  await mkdir(folder, { recursive: true });
  const csv = await writeMetrics(data.store, run, folder);
  const report = await writeReport(data.store, run, folder);
  const student = path.join(folder, 'student');
  const manifest = await writeStudent(data.store, run, student);
  return [
    gapTable(run),
    '',
    `student  ${student}`,
    `metrics  ${csv}`,
    `report   ${report}`,
    `weights  ${manifest.weightsDigest}`,
  ].join('\n');
}

export async function writeMetrics(store: Store, run: Run, folder: string): Promise<string> {
  const file = path.join(folder, 'metrics.csv');
  await writeFileDurable(file, metricsCsv(run.domains, await stepMetrics(store, run)));
  return file;
}

export async function writeReport(
  store: Store,
  run: Run,
  folder: string,
  arms: readonly Run[] = [],
): Promise<string> {
  const file = path.join(folder, 'report.html');
  await writeFileDurable(file, await renderReport(await reportData(store, run, arms)));
  return file;
}

/** Copies the exported student's files into `folder`. failed_precondition while the run has exported nothing. */
export async function writeStudent(store: Store, run: Run, folder: string): Promise<ExportManifest> {
  const manifest = await exportManifest(store, run);
  await mkdir(folder, { recursive: true });
  for (const file of manifest.files)
    await copyFile(await store.artifacts.localPath(file.digest), resolveInside(folder, file.name));
  return manifest;
}

export async function exportManifest(store: Store, run: Run): Promise<ExportManifest> {
  if (run.exportDigest === '')
    throw new DdkError(
      'failed_precondition',
      `The run "${run.spec?.name ?? run.id}" has exported no student yet.`,
    );
  return ExportManifest.decode(await store.artifacts.bytes(run.exportDigest, { maxBytes: maxManifestBytes }));
}
