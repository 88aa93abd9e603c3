// The commands for runs whose services are processes of their own: the scheduler is asked, nothing is started here.
import { DdkError } from '#base';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { runLine } from '../display/describe-run.js';
import { followRun } from '../follow.js';
import { servedHistory } from '../history.js';
import { type RunServices, withScheduler } from '../remote.js';
import type { RemoteAddress } from '../remote-options.js';
import { findRun, listRuns } from '../run-records.js';
import type { CommandContext, Session } from '../session.js';
import type { Spec } from '../spec/schema.js';
import { tellRun, tellRuns } from './inspect-runs.js';
import { conclude, type RunOptions, startRun, submitOnce } from './run.js';
import { askFor } from './steer.js';

/** Submits to the store that the services share with the data folder, creates the run and follows it. */
export async function runRemotely(
  session: Session,
  remote: RemoteAddress,
  spec: Spec,
  options: RunOptions,
): Promise<void> {
  await withScheduler(remote, async (services) => {
    await requireSameStore(session, remote, services);
    const run = await session.data.writing(async () =>
      startRun(session, services, spec, await submitOnce(session, spec, options)).catch((error: unknown) => {
        const missing = error instanceof DdkError && error.reason === 'ARTIFACT_MISSING';
        throw missing ? otherStore(session, remote) : error;
      }),
    );
    await conclude(session, await follow(session, remote, services, run), optionOf(remote));
  });
}

/** Continues or extends a run and follows it. */
export async function resumeRemotely(
  session: Session,
  remote: RemoteAddress,
  name: string,
  extendBy: number,
): Promise<void> {
  const { data, signal } = session;
  await withScheduler(remote, async (services) => {
    await requireSameStore(session, remote, services);
    const known = await findRun(data.store, name);
    if (known.state === RunState.PAUSED || extendBy > 0)
      await services.scheduler.resumeRun({ run: known.id, extendByIntervals: extendBy }, { signal });
    await conclude(session, await follow(session, remote, services, known), optionOf(remote));
  });
}

export async function watchRemotely(
  context: CommandContext,
  remote: RemoteAddress,
  name: string,
): Promise<void> {
  await withScheduler(remote, async (services) => {
    const { run } = await services.scheduler.getRun({ run: name }, { signal: context.signal });
    if (!run) throw new DdkError('internal', 'the scheduler returned no run');
    const last = await follow(context, remote, services, run);
    context.display.result(runLine(last), { run: last });
  });
}

export async function showRunsRemotely(
  { display, signal }: CommandContext,
  remote: RemoteAddress,
): Promise<void> {
  await withScheduler(remote, async ({ scheduler }) => {
    const all: Run[] = [];
    for (let pageToken = ''; ; ) {
      const page = await scheduler.listRuns({ pageSize: 0, pageToken }, { signal });
      all.push(...page.runs);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    tellRuns(
      display,
      all,
      `The scheduler at ${remote.scheduler} has no runs yet. \`ddk run SPEC\` starts one.`,
    );
  });
}

export async function showRunRemotely(
  context: CommandContext,
  remote: RemoteAddress,
  name: string,
): Promise<void> {
  const { signal } = context;
  await withScheduler(remote, async ({ scheduler }) => {
    const { run } = await scheduler.getRun({ run: name }, { signal });
    if (run) await tellRun(context, run, servedHistory(scheduler, signal));
  });
}

export async function steerRemotely(
  { display, signal }: CommandContext,
  remote: RemoteAddress,
  name: string,
  change: 'pause' | 'cancel',
): Promise<void> {
  await withScheduler(remote, async ({ scheduler }) => {
    const run = await askFor(change, scheduler, name, signal);
    display.result(`${name}: ${runLine(run)}`, { run });
  });
}

const optionOf = ({ scheduler }: RemoteAddress): string => ` --scheduler ${scheduler}`;

/** Who stops looking on does not stop the run. */
async function follow(
  { display, signal }: CommandContext,
  remote: RemoteAddress,
  services: RunServices,
  run: Run,
): Promise<Run> {
  return followRun(services, run.id, display, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    const name = run.spec?.name ?? run.id;
    const where = optionOf(remote);
    throw new DdkError(
      'cancelled',
      `${name} goes on at ${remote.scheduler}: \`ddk watch ${name}${where}\` shows it, \`ddk pause ${name}${where}\` pauses it.`,
      { cause: error, reason: 'RUN_GOES_ON' },
    );
  });
}

/** What is submitted here must be found there, and what comes out there must be found here. */
async function requireSameStore(
  session: Session,
  remote: RemoteAddress,
  { scheduler }: RunServices,
): Promise<void> {
  const { runs } = await scheduler.listRuns({ pageSize: 1, pageToken: '' }, { signal: session.signal });
  const here = await listRuns(session.data.store);
  if (runs.some(({ id }) => !here.some((run) => run.id === id))) throw otherStore(session, remote);
}

function otherStore({ data }: Session, { scheduler }: RemoteAddress): DdkError {
  return new DdkError(
    'failed_precondition',
    `The scheduler at ${scheduler} keeps its runs elsewhere than in ${data.root}: give the folder that its services have as DDK_DATA with --data.`,
  );
}
