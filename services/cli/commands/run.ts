// `ddk run` and `ddk resume`: a run in this process, from its spec to the exported student.
import { DdkError, invalidArgument } from '#base';
import { openModel } from '#model';
import { type Run, RunState } from '#proto/ddk/v1/types';
import type { Claim } from '#store';
import { openCheckpoint } from '#train';
import { readStudent } from '#work';
import { readIntervals } from '../../scheduler/history.js';
import type { DataFolder } from '../data-folder.js';
import { farewell } from '../display/farewell.js';
import { describeDryRun } from '../dry-run.js';
import { type Embedded, serviceLogger, startEmbedded } from '../embedded.js';
import { finishRun, leaveInterrupted, leaveMetrics, makeRunFolder } from '../finish.js';
import { followRun } from '../follow.js';
import type { RunServices } from '../remote.js';
import { findRun, runNamed } from '../run-records.js';
import { savedSpec, saveSpec } from '../saved-spec.js';
import type { Session } from '../session.js';
import { changedFields } from '../spec/changed-fields.js';
import { protoJson } from '../spec/proto-json.js';
import { readSpec } from '../spec/read-spec.js';
import type { Spec } from '../spec/schema.js';
import { type Submission, submit } from '../submit.js';
import { requireTeacherInPlace } from '../teacher-in-place.js';

export interface RunOptions {
  /** Run whose last (or best) checkpoint to start from. */
  readonly from?: string;
  readonly fromBest?: boolean;
  readonly dryRun?: boolean;
}

/** Reads the spec of a run and refuses options that do not go together, before anything is made. */
export async function readRun(file: string, { from, fromBest }: RunOptions): Promise<Spec> {
  if (fromBest && from === undefined)
    throw invalidArgument([
      {
        field: '--from-best',
        description: 'says which checkpoint of another run; name that run with --from',
      },
    ]);
  return readSpec(file);
}

/** Starts the run of a spec, or continues it where it was left. */
export async function runSpecHere(session: Session, spec: Spec, options: RunOptions): Promise<void> {
  if (options.dryRun) return session.data.writing(() => dryRun(session, spec, options));
  return session.data.holding((claim) => runSpec(session, spec, options, claim));
}

async function dryRun(session: Session, spec: Spec, options: RunOptions): Promise<void> {
  const submission = await submitOnce(session, spec, options);
  const student = await openModel(spec.student);
  const { requestId, runSpec } = submission;
  const createRun = protoJson({ requestId, spec: runSpec });
  session.display.result(describeDryRun(spec, submission, student), { spec, createRun });
}

/** Submits the spec under its name, which stands for one spec. */
export async function submitOnce(session: Session, spec: Spec, options: RunOptions): Promise<Submission> {
  const base = () => baseOf(session, spec.name, options);
  // A run that is not there is said now; the corpus may take a while, and a run that is at work goes on meanwhile.
  await base();
  const submission = await submit(spec, { ...session, store: session.data.store, base });
  await refuseChanged(session, submission);
  if (options.from !== undefined) await requireFork(session, submission, options.from);
  return submission;
}

async function runSpec(session: Session, spec: Spec, options: RunOptions, claim: Claim): Promise<void> {
  const submission = await submitOnce(session, spec, options);
  await withServices(session, spec, claim, (embedded) => executeRun(session, embedded, spec, submission));
}

/** Calls `body` with the services of a spec in this process, and writes what the run leaves, also if it is interrupted. */
async function withServices(
  session: Session,
  spec: Spec,
  claim: Claim,
  body: (embedded: Embedded) => Promise<Run>,
): Promise<void> {
  const { display, data, signal } = session;
  const embedded = await startEmbedded({
    ...placement(session, spec),
    teacher: spec.teacher,
    claim,
    takesUp: [spec.name],
  });
  try {
    await conclude(session, await body(embedded));
  } finally {
    await embedded.close();
    // Now that nothing more is committed.
    if (signal.aborted) await leaveInterrupted(data, spec.name, (text) => display.warn(text));
  }
}

/** Creates or finds the run of a submission, takes it up if it was paused, and follows it to its end. */
export async function executeRun(
  session: Session,
  services: RunServices,
  spec: Spec,
  submission: Submission,
): Promise<Run> {
  const run = await startRun(session, services, spec, submission);
  return followRun(services, run.id, session.display, session.signal);
}

/** Creates or finds the run of a submission, and takes it up if it was paused. */
export async function startRun(
  { display, data, signal }: Session,
  { scheduler }: RunServices,
  spec: Spec,
  { requestId, runSpec }: Submission,
): Promise<Run> {
  const { run } = await scheduler.createRun({ requestId, spec: runSpec }, { signal });
  if (!run) throw new DdkError('internal', 'the scheduler returned no run');
  const folder = data.runFolder(spec.name);
  await makeRunFolder(folder);
  await saveSpec(folder, spec);
  if (run.state === RunState.PAUSED) {
    display.note(`${spec.name} was paused (${run.reason?.message ?? 'no reason given'}); continuing it.`);
    await scheduler.resumeRun({ run: run.id, extendByIntervals: 0 }, { signal });
  } else if (run.intervals.length > 0 && run.state !== RunState.SUCCEEDED)
    display.note(`${spec.name} was started before; continuing it.`);
  return run;
}

/**
 * Writes what a run leaves; where it did not succeed that is its metrics, and it throws with the way on.
 *
 * @param where the option that leads to the run's services, such as ` --scheduler 127.0.0.1:7000`
 */
export async function conclude({ data, display }: Session, run: Run, where = ''): Promise<void> {
  if (run.state !== RunState.SUCCEEDED) {
    await leaveMetrics(data, run, (text) => display.warn(text));
    throw new DdkError('failed_precondition', farewell(run, where));
  }
  const outcome = await finishRun(data, run);
  display.result(outcome.summary, outcome.data);
}

/** Continues a run by name, without its spec file; `extendBy` adds intervals to it. */
export async function resumeByName(session: Session, name: string, extendBy: number): Promise<void> {
  const { display, data, signal } = session;
  const known = await findRun(data.store, name);
  const running = await session.running();
  if (running) {
    const { run } = await running.scheduler.resumeRun(
      { run: known.id, extendByIntervals: extendBy },
      { signal },
    );
    await running.close();
    display.result(`${name} goes on; \`ddk watch ${name}\` shows it.`, { run });
    return;
  }
  if (extendBy > 0) requireExtensible(known, name);
  try {
    await data.holding((claim) => resumeHere(session, known, extendBy, claim));
  } catch (error) {
    if (extendBy === 0 || DdkError.from(error).code !== 'cancelled') throw error;
    // The same command again would add the intervals once more.
    const message = `Interrupted. \`ddk resume ${name}\` continues where this one was.`;
    throw new DdkError('cancelled', message, { cause: error, reason: 'RUN_GOES_ON' });
  }
}

/** An extension that was interrupted is continued, not made again. */
function requireExtensible({ state, intervalsPlanned }: Run, name: string): void {
  const ended: readonly RunState[] = [
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.CANCELLED,
    RunState.PAUSED,
  ];
  if (ended.includes(state)) return;
  throw new DdkError(
    'failed_precondition',
    `${name} has not come to the end of its ${intervalsPlanned} intervals yet: \`ddk resume ${name}\` continues it; extend it once it has ended.`,
    { reason: 'RUN_STATE' },
  );
}

async function resumeHere(session: Session, known: Run, extendBy: number, claim: Claim): Promise<void> {
  const { display, data, signal } = session;
  const spec = await savedSpec(data.runFolder(known.spec?.name ?? known.id));
  await requireTeacherInPlace(spec);
  await withServices(session, spec, claim, async (embedded) => {
    if (known.state === RunState.PAUSED || extendBy > 0)
      await embedded.scheduler.resumeRun({ run: known.id, extendByIntervals: extendBy }, { signal });
    return followRun(embedded, known.id, display, signal);
  });
}

/** Where a spec's services run. */
export function placement({ data, options }: Session, spec: Spec) {
  return {
    data,
    provider: spec.runtime.provider,
    threads: spec.runtime.threads,
    device: spec.runtime.device,
    logger: serviceLogger(data, options.logLevel),
  } as const;
}

/** The checkpoint to start from: what a run of this name started from, else that of `--from`, else the student's own. */
async function baseOf(
  { data }: Session,
  name: string,
  { from, fromBest }: RunOptions,
): Promise<string | undefined> {
  const started = (await runNamed(data.store, name))?.spec?.baseCheckpointDigest;
  if (from === undefined) return started;
  const source = await findRun(data.store, from);
  // The other run may have gone on since; a fork that has begun stays where it began.
  if (started !== undefined && (await hasReached(data, source, started))) return started;
  const digest = fromBest ? source.bestCheckpointDigest : source.checkpointDigest;
  if (digest === '')
    throw new DdkError(
      'failed_precondition',
      `The run "${from}" has no ${fromBest ? 'measured' : 'committed'} checkpoint to start from yet.`,
    );
  return digest;
}

/** Whether a run has ever committed this checkpoint at the end of an interval. */
async function hasReached({ store }: DataFolder, run: Run, checkpointDigest: string): Promise<boolean> {
  for await (const interval of readIntervals(store.records, run))
    if (interval.checkpointDigest === checkpointDigest) return true;
  return false;
}

/** A run that is yet to be made starts from a checkpoint of its own student's kind only; the scheduler refuses it too. */
async function requireFork({ data }: Session, { runSpec }: Submission, from: string): Promise<void> {
  if (await runNamed(data.store, runSpec.name)) return;
  const { artifacts } = data.store;
  const { config } = await readStudent(artifacts, runSpec.studentDigest);
  try {
    await openCheckpoint(runSpec.baseCheckpointDigest, artifacts, config);
  } catch (thrown) {
    const { code, message } = DdkError.from(thrown);
    throw new DdkError(code, `--from ${from}: ${message}`, { cause: thrown });
  }
}

/** A name stands for one spec over one corpus; a changed one needs another name. */
async function refuseChanged({ data }: Session, { runSpec }: Submission): Promise<void> {
  const other = await runNamed(data.store, runSpec.name);
  if (!other?.spec) return;
  const changes = changedFields(other.spec, runSpec);
  if (changes.length === 0) return;
  throw new DdkError(
    'failed_precondition',
    `The run "${runSpec.name}" exists with ${changes.length === 1 ? 'another value' : 'other values'}: ${changes.join('; ')}. Give the spec another name, or set ${changes.length === 1 ? 'it' : 'them'} back to continue that run.`,
    { violations: changes.map((c) => ({ field: c.split(' ')[0] ?? '', description: c })) },
  );
}
