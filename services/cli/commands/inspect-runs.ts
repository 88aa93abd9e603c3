// `ddk runs`, `ddk show` and `ddk watch`: looking at runs, with or without a process at work on them.
import { formatDurationMs } from '#base';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { gapTable, isOver, lastMeasured, runLine, stateName } from '../display/describe-run.js';
import type { Display } from '../display/display.js';
import { table } from '../display/table.js';
import { followRun } from '../follow.js';
import { findRun, listRuns } from '../run-records.js';
import type { Session } from '../session.js';

export async function showRuns({ data, display }: Session): Promise<void> {
  tellRuns(display, await listRuns(data.store), `No runs in ${data.root} yet. \`ddk run SPEC\` starts one.`);
}

/** One line a run, or `none`. */
export function tellRuns(display: Display, runs: readonly Run[], none: string): void {
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
    const trained = run.intervals.filter((i) => i.checkpointDigest !== '').length;
    return [
      run.spec?.name ?? run.id,
      stateName(run.state),
      `${trained} of ${run.intervalsPlanned}`,
      worst ? `${worst.domain} ${worst.ratio.toFixed(3)}` : '–',
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
  display.result(table(columns, rows), { runs });
}

export async function showRun(session: Session, name: string): Promise<void> {
  tellRun(session.display, await findRun(session.data.store, name));
}

/** All that is known of a run. */
export function tellRun(display: Display, run: Run): void {
  const lines = [
    `run         ${run.spec?.name ?? run.id}  (${run.id})`,
    `state       ${runLine(run)}`,
    `created     ${run.createdAt?.toISOString() ?? 'unknown'}`,
    `checkpoint  ${run.checkpointDigest || 'none yet'}`,
    `best        ${run.bestCheckpointDigest || 'none yet'}`,
    ...(run.exportDigest ? [`export      ${run.exportDigest}`] : []),
    ...(run.reason ? [`reason      ${run.reason.code}: ${run.reason.message}`] : []),
    '',
    gapTable(run),
  ];
  display.result(lines.join('\n'), { run });
}

export async function watchRun(session: Session, name: string): Promise<void> {
  const { data, display, signal } = session;
  const run = await findRun(data.store, name);
  const running = isOver(run) ? undefined : await session.running();
  if (!running) {
    display.run(run);
    const idle = !isOver(run) && run.state !== RunState.PAUSED;
    display.result(
      idle
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
