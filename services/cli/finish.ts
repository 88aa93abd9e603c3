// What a run leaves for people: the student's files, the metrics as CSV, the report.
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DdkError, makeFolder, resolveInside, temporaryPath, writeFileDurable } from '#base';
import { ExportManifest, type Run } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import type { DataFolder } from './data-folder.js';
import { gapTable } from './display/describe-run.js';
import { RunPast } from './display/run-past.js';
import { storedHistory } from './history.js';
import { metricsCsv } from './metrics-csv.js';
import { renderReport } from './report/index.js';
import { reportData } from './report-of-run.js';
import { runNamed, stepMetrics } from './run-records.js';
import { savedSpec } from './saved-spec.js';
import { type UserPath, writingTo } from './user-path.js';

const maxManifestBytes = 1 << 20;

interface RunOutcome {
  /** For people: the gaps and where the files are. */
  readonly summary: string;
  /** For scripts. */
  readonly data: {
    readonly run: Run;
    readonly student: string;
    readonly metrics: string;
    readonly report: string;
    readonly weightsDigest: string;
  };
}

/** Writes all of it into the run's folder, first what the run was for, and says where. */
export async function finishRun(
  data: Pick<DataFolder, 'store' | 'runFolder'>,
  run: Run,
): Promise<RunOutcome> {
  const folder = await folderOf(data, run);
  const student = path.join(folder, 'student');
  const { weightsDigest } = await writeStudent(data.store, run, student, { replace: true });
  try {
    const metrics = await writeMetrics(data.store, run, folder);
    const report = await writeReport(data, run, folder);
    const past = await new RunPast().follow(run, storedHistory(data.store));
    const summary = [
      gapTable(run, past),
      '',
      `student  ${student}`,
      `metrics  ${metrics}`,
      `report   ${report}`,
      `weights  ${weightsDigest}`,
    ].join('\n');
    return { summary, data: { run, student, metrics, report, weightsDigest } };
  } catch (cause) {
    const { code, message, reason } = DdkError.from(cause);
    const told = `The student is in ${student}, but its metrics and report could not be written: ${message}`;
    throw new DdkError(code, told, { cause, ...(reason === undefined ? {} : { reason }) });
  }
}

/**
 * Writes the metrics of what a run has committed so far into its folder. Where that cannot be done `warn` is told: how the
 * run ended is what there is to tell, and `ddk report` writes them too. The same once `signal` is aborted.
 */
export async function leaveMetrics(
  data: Pick<DataFolder, 'store' | 'runFolder'>,
  run: Run,
  warn: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await writeMetrics(data.store, run, await folderOf(data, run), signal);
  } catch (error) {
    const name = run.spec?.name ?? run.id;
    warn(
      signal?.aborted
        ? `the metrics take long; \`ddk report ${name}\` writes them`
        : `the metrics could not be written (${DdkError.from(error).message})`,
    );
  }
}

/** How long an interrupted command goes on to write metrics. */
const interruptedMs = 3_000;

/** The same for a run, if it was made by then, whose command was interrupted: it does not take long. */
export async function leaveInterrupted(
  data: Pick<DataFolder, 'store' | 'runFolder'>,
  name: string,
  warn: (text: string) => void,
): Promise<void> {
  // Where it cannot even be looked up, the interruption is still what there is to tell.
  const run = await runNamed(data.store, name).catch(() => undefined);
  if (run) await leaveMetrics(data, run, warn, AbortSignal.timeout(interruptedMs));
}

async function folderOf(data: Pick<DataFolder, 'runFolder'>, run: Run): Promise<string> {
  const folder = data.runFolder(run.spec?.name ?? run.id);
  await makeRunFolder(folder);
  return folder;
}

/** A folder for what a run leaves. */
export function makeRunFolder(folder: string): Promise<void> {
  return writingTo(written(folder), () => makeFolder(folder));
}

const written = (path: string): UserPath => ({
  path,
  cannot: 'be written',
  remedy: 'mend that, then give the same command again',
});

export async function writeMetrics(
  store: Store,
  run: Run,
  folder: string,
  signal?: AbortSignal,
): Promise<string> {
  const file = path.join(folder, 'metrics.csv');
  const pieces = metricsCsv(run.domains, await stepMetrics(store, run, signal));
  await writingTo(written(file), () => writeFileDurable(file, pieces));
  return file;
}

export async function writeReport(
  { store, runFolder }: Pick<DataFolder, 'store' | 'runFolder'>,
  run: Run,
  folder: string,
  arms: readonly Run[] = [],
): Promise<string> {
  const file = path.join(folder, 'report.html');
  // A report tells what is still there.
  const saved = await savedSpec(runFolder(run.spec?.name ?? run.id)).catch(() => undefined);
  const text = await renderReport(await reportData(store, run, arms, saved));
  await writingTo(written(file), () => writeFileDurable(file, text));
  return file;
}

/**
 * Copies the exported student's files into a new folder, which appears when it is complete. failed_precondition while the
 * run has exported nothing; already_exists where the folder holds something and is not to be replaced.
 */
export async function writeStudent(
  store: Store,
  run: Run,
  folder: string,
  options: { readonly replace: boolean },
): Promise<ExportManifest> {
  const manifest = await exportManifest(store, run);
  const temporary = temporaryPath(folder);
  const writing = <T>(body: () => Promise<T>): Promise<T> => writingTo(written(folder), body);
  await writing(async () => {
    await makeFolder(path.dirname(folder));
    await mkdir(temporary);
  });
  try {
    for (const file of manifest.files) {
      const source = await store.artifacts.localPath(file.digest);
      await writing(() => copyFile(source, resolveInside(temporary, file.name)));
    }
    if (options.replace) await writing(() => rm(folder, { recursive: true, force: true }));
    // Takes the place of an empty folder, and of nothing else.
    await rename(temporary, folder).catch((cause: NodeJS.ErrnoException) => {
      if (!occupied.has(cause.code)) return writing(() => Promise.reject(cause));
      throw new DdkError('already_exists', `${folder} exists; give another name or remove it first.`, {
        cause,
      });
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return manifest;
}

const occupied: ReadonlySet<string | undefined> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR']);

async function exportManifest(store: Store, run: Run): Promise<ExportManifest> {
  if (run.exportDigest === '')
    throw new DdkError(
      'failed_precondition',
      `The run "${run.spec?.name ?? run.id}" has exported no student yet.`,
    );
  return ExportManifest.decode(await store.artifacts.bytes(run.exportDigest, { maxBytes: maxManifestBytes }));
}
