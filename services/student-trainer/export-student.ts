// The student of a run as files to take away, made from its last checkpoint.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failpoint } from '#base';
import { exportModel } from '#model';
import { type ExportFile, ExportManifest, ExportRecord, WorkState } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { spans, withSpan } from '#telemetry';
import { openCheckpoint } from '#train';
import { type Assignment, doWork, workTeller } from '#work';
import { source, type TrainerParts } from './parts.js';
import { type RunPlan, readPlan } from './run-plan.js';

const maxManifestBytes = 1 << 20;

export interface Exported {
  readonly exportDigest: string;
  readonly manifest: ExportManifest;
}

/** Exports for the attempt named; see `doWork` for how it ends. */
export async function exportStudent(
  { runId, attempt }: { readonly runId: string; readonly attempt: number },
  parts: TrainerParts,
): Promise<Exported> {
  const { store, worker } = parts;
  const others = workTeller({ ...parts, source }, 'export', { runId, interval: 0 });
  const record = await doWork<ExportRecord>({
    store,
    key: `runs/${runId}/export`,
    codec: ExportRecord,
    attempt,
    worker,
    signal: parts.stopping,
    body: (assignment, signal) =>
      withSpan(spans.exportModel, { 'ddk.run': runId, 'ddk.attempt': attempt }, async () => {
        const manifest = await exportFiles(store, await readPlan(store, runId), assignment, signal);
        const { digest } = await store.artifacts.put(ExportManifest.encode(manifest).finish());
        await assignment.commit({ exportDigest: digest, state: WorkState.COMPLETE });
      }),
    tell(done) {
      const { attempt, exportDigest } = done;
      return others.ended(done, { $case: 'exportFinished', value: { attempt, exportDigest } });
    },
  });
  const bytes = await store.artifacts.bytes(record.exportDigest, { maxBytes: maxManifestBytes });
  return { exportDigest: record.exportDigest, manifest: ExportManifest.decode(bytes) };
}

async function exportFiles(
  { artifacts }: Store,
  { student }: RunPlan,
  { record }: Assignment<ExportRecord>,
  signal: AbortSignal,
): Promise<ExportManifest> {
  const { manifest, weights } = await openCheckpoint(record.checkpointDigest, artifacts, student.config);
  const scratch = await mkdtemp(path.join(tmpdir(), 'ddk-export-'));
  try {
    const folder = path.join(scratch, 'student');
    await exportModel({ folder, config: student.config, weights, tokenizer: await student.tokenizer() });
    failpoint('trainer.exporting');
    const files: ExportFile[] = [];
    for (const name of (await readdir(folder)).sort()) {
      signal.throwIfAborted();
      const { digest, bytes } = await artifacts.putFile(path.join(folder, name));
      files.push({ name, digest, bytes: BigInt(bytes) });
    }
    const { weightsDigest, step } = manifest;
    return { checkpointDigest: record.checkpointDigest, weightsDigest, step, files };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
