// What a run was made from, what it made and where, for the report's table of digests.
import type { Run } from '#proto/ddk/v1/types';
import type { ArtifactStore, Store } from '#store';
import { readCheckpoint } from '#train';
import { checkpointsOfRun } from '#work';
import { readIntervals } from '../scheduler/history.js';
import type { DigestRow } from './report/index.js';
import { listRuns } from './run-records.js';

type Checkpoint = Awaited<ReturnType<typeof readCheckpoint>>;
type Environment = NonNullable<Checkpoint['environment']>;

/** Digests of artifacts; for a fork the run it came from; the environments that checkpoints still there were made in. */
export async function originRows(store: Store, run: Run): Promise<DigestRow[]> {
  const { artifacts } = store;
  const start = run.spec?.baseCheckpointDigest ?? '';
  const base = await checkpointAt(artifacts, start);
  const last = await checkpointAt(artifacts, run.checkpointDigest);
  const rows: DigestRow[] = [
    { name: 'corpus', digest: run.spec?.corpusDigest ?? '' },
    { name: 'teacher', digest: run.spec?.teacherFingerprint ?? '' },
    { name: 'student', digest: run.spec?.studentDigest ?? '' },
    { name: 'start checkpoint', digest: start },
    { name: 'forked from', digest: base && base.step > 0 ? await forkedFrom(store, run, start, base) : '' },
    { name: 'last checkpoint', digest: run.checkpointDigest },
    { name: 'export', digest: run.exportDigest },
    { name: 'weights', digest: last?.weightsDigest ?? '' },
    { name: 'made on', digest: await environments(store, run, base) },
  ];
  return rows.filter(({ digest }) => digest !== '');
}

async function checkpointAt(artifacts: ArtifactStore, digest: string): Promise<Checkpoint | undefined> {
  // One that is gone or damaged tells nothing, and the rest of the report stands.
  return digest === '' ? undefined : readCheckpoint(digest, artifacts).catch(() => undefined);
}

/** `tiny, after 6 steps`; the steps of a fork go on from those before it. */
async function forkedFrom(store: Store, run: Run, start: string, { step }: Checkpoint): Promise<string> {
  const runs = (await listRuns(store)).filter(({ id }) => id !== run.id).reverse();
  let from: Run | undefined;
  for (const other of runs) if (!from && (await hasCommitted(store, other, start))) from = other;
  return `${from?.spec?.name ?? from?.id ?? 'another run'}, after ${step} ${step === 1 ? 'step' : 'steps'}`;
}

async function hasCommitted({ records }: Store, run: Run, checkpointDigest: string): Promise<boolean> {
  if (run.spec?.baseCheckpointDigest === checkpointDigest) return false;
  if (run.checkpointDigest === checkpointDigest) return true;
  // An interval that is lost may be the one; then nobody knows any more.
  const intervals = readIntervals(records, run, 0, () => {});
  for await (const interval of intervals) if (interval.checkpointDigest === checkpointDigest) return true;
  return false;
}

/** One after the other, with the steps of this run after which each is found where there are several. */
async function environments(store: Store, run: Run, base: Checkpoint | undefined): Promise<string> {
  const stepsBy = new Map<string, number[]>();
  for (const digest of await checkpointsOfRun(store.records, run)) {
    const found = await checkpointAt(store.artifacts, digest);
    if (!found?.environment) continue;
    const where = environmentText(found.environment);
    stepsBy.set(where, [...(stepsBy.get(where) ?? []), found.step - (base?.step ?? 0)]);
  }
  const all = [...stepsBy].map(([where, steps]) => ({ where, steps: steps.sort((a, b) => a - b) }));
  if (all.length < 2) return all[0]?.where ?? '';
  return all
    .sort((a, b) => a.steps[0]! - b.steps[0]!)
    .map(({ where, steps }) => `${where} (step ${steps.join(', ')})`)
    .join('; ');
}

const environmentText = ({ provider, device, threads, ortVersion }: Environment): string =>
  `${provider}, ${device}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ONNX Runtime ${ortVersion}`;
