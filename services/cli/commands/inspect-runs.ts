// `ddk runs`, `ddk show` and `ddk watch`: looking at runs, with or without a process at work on them.
import { formatDurationMs } from '#base';
import type { Interval, Run } from '#proto/ddk/v1/types';
import type { DataFolder } from '../data-folder.js';
import {
  gapTable,
  isOver,
  isUnderWay,
  lastMeasured,
  ratio,
  runLine,
  stateName,
} from '../display/describe-run.js';
import type { Display } from '../display/display.js';
import { RunPast } from '../display/run-past.js';
import { table } from '../display/table.js';
import { followRun } from '../follow.js';
import { type History, storedHistory } from '../history.js';
import { findRun, listRuns } from '../run-records.js';
import type { CommandContext, Session } from '../session.js';

export async function showRuns({ data, display }: Session): Promise<void> {
  const none = `No runs in ${data.root} yet. \`ddk run SPEC\` starts one.`;
  const atWork = await isAtWork(data);
  tellRuns(display, await listRuns(data.store), none, atWork);
}

/** Whether a live process in the folder may be at work on its runs. */
async function isAtWork(data: DataFolder): Promise<boolean> {
  const role = (await data.holder())?.role;
  return role === 'command' || role === 'scheduler';
}

/** One line a run, or `none`; those under way are interrupted where nobody is at work on them. */
export function tellRuns(display: Display, runs: readonly Run[], none: string, atWork = true): void {
  if (runs.length === 0) {
    display.result(none, { runs: [] });
    return;
  }
  const rows = runs.map((run) => {
    const gaps = lastMeasured(run)?.gaps ?? [];
    const worst = gaps.reduce<(typeof gaps)[number] | undefined>(
      (w, g) => (w && w.ratio >= g.ratio ? w : g),
      undefined,
    );
    const age = run.createdAt ? `${formatDurationMs(Date.now() - run.createdAt.getTime())} ago` : '';
    return [
      run.spec?.name ?? run.id,
      isUnderWay(run) && !atWork ? `${stateName(run.state)}, interrupted` : stateName(run.state),
      `${run.interval} of ${run.intervalsPlanned}`,
      worst ? `${worst.domain} ${ratio(worst.ratio)}` : '–',
      age,
    ];
  });
  const columns = [
    { title: 'run', align: 'left' },
    { title: 'state', align: 'left' },
    { title: 'intervals', align: 'right' },
    { title: 'largest gap', align: 'left' },
    { title: 'started', align: 'right' },
  ] as const;
  const interrupted = !atWork && runs.some(isUnderWay);
  const hint = interrupted ? '\n`ddk resume RUN` continues one that is interrupted.' : '';
  display.result(`${table(columns, rows)}${hint}`, { runs });
}

export async function showRun(session: Session, name: string): Promise<void> {
  const { data } = session;
  const atWork = await isAtWork(data);
  await tellRun(session, await findRun(data.store, name), storedHistory(data.store), atWork);
}

/** All that is known of a run; for scripts with every interval it had. One under way is interrupted where nobody is at work. */
export async function tellRun(
  { display, options }: CommandContext,
  run: Run,
  history: History,
  atWork = true,
): Promise<void> {
  const name = run.spec?.name ?? run.id;
  const interrupted = isUnderWay(run) && !atWork ? `; interrupted, \`ddk resume ${name}\` continues it` : '';
  const past = new RunPast();
  const intervals: Interval[] = [];
  if (!options.json) await past.follow(run, history, (text) => display.warn(text));
  else for await (const interval of history(run)) intervals.push(interval);
  const lines = [
    `run         ${name}  (${run.id})`,
    `state       ${runLine(run)}${interrupted}`,
    `created     ${run.createdAt?.toISOString() ?? 'unknown'}`,
    `checkpoint  ${run.checkpointDigest || 'none yet'}`,
    `best        ${run.bestCheckpointDigest || 'none yet'}`,
    ...(run.exportDigest ? [`export      ${run.exportDigest}`] : []),
    ...(run.reason ? [`reason      ${run.reason.code}: ${run.reason.message}`] : []),
    '',
    gapTable(run, past),
  ];
  display.result(lines.join('\n'), { run: { ...run, intervals } });
}

export async function watchRun(session: Session, name: string): Promise<void> {
  const { data, display, signal } = session;
  const run = await findRun(data.store, name);
  const running = isOver(run) ? undefined : await session.running();
  if (!running) {
    const past = await new RunPast().follow(run, storedHistory(data.store), (text) => display.warn(text));
    display.run(run, past);
    display.result(
      isUnderWay(run)
        ? `No process is at work on it here. \`ddk resume ${name}\` continues it; if services of their own do, watch it with --scheduler.`
        : runLine(run),
      { run },
    );
    return;
  }
  try {
    const last = await followRun(running, run.id, display, signal);
    display.result(runLine(last), { run: last });
  } finally {
    await running.close();
  }
}
