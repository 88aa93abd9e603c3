// A run in words and tables.
import type { Interval, Run } from '#proto/ddk/v1/types';
import { RunState } from '#proto/ddk/v1/types';
import type { RunPast } from './run-past.js';
import { table } from './table.js';

const stateNames: Record<RunState, string> = {
  [RunState.UNSPECIFIED]: 'unknown',
  [RunState.PREPARING]: 'preparing',
  [RunState.MEASURING]: 'measuring',
  [RunState.TRAINING]: 'training',
  [RunState.EXPORTING]: 'exporting',
  [RunState.SUCCEEDED]: 'succeeded',
  [RunState.FAILED]: 'failed',
  [RunState.CANCELLED]: 'cancelled',
  [RunState.PAUSED]: 'paused',
};

export const stateName = (state: RunState): string => stateNames[state];

/** Whether nothing will happen any more unless somebody asks for it. */
export function isOver(run: Run): boolean {
  return (
    run.state === RunState.SUCCEEDED || run.state === RunState.FAILED || run.state === RunState.CANCELLED
  );
}

/** Whether the run gets on as long as somebody is at work on it. */
export const isUnderWay = (run: Run): boolean => !isOver(run) && run.state !== RunState.PAUSED;

/** The last interval whose gaps are known. */
export const lastMeasured = (run: Run): Interval | undefined =>
  run.intervals.findLast((i) => i.gaps.length > 0);

/** One line: what the run is doing. */
export function runLine(run: Run): string {
  const where = `interval ${Math.min(run.interval + 1, run.intervalsPlanned)} of ${run.intervalsPlanned}`;
  switch (run.state) {
    case RunState.MEASURING:
      return run.interval >= run.intervalsPlanned
        ? 'measuring the final gaps'
        : `measuring the gaps before ${where}`;
    case RunState.TRAINING:
      return `training ${where}`;
    case RunState.PAUSED:
    case RunState.FAILED:
      return `${stateName(run.state)}: ${run.reason?.message ?? 'no reason given'}`;
    default:
      return stateName(run.state);
  }
}

/** Domains with their gaps and weights as last measured. */
export function gapTable(run: Run, past: RunPast): string {
  const measured = lastMeasured(run);
  const rows = run.domains.map((domain, d) => {
    const gap = measured?.gaps[d];
    const start = past.start[d];
    const weight = measured?.weights[d] ?? run.intervals.findLast((i) => i.weights.length > 0)?.weights[d];
    return [
      domain.name,
      gap ? perplexity(gap.teacherLoss) : '–',
      start ? perplexity(start.studentLoss) : '–',
      gap ? perplexity(gap.studentLoss) : '–',
      gap ? ratio(gap.ratio) : '–',
      weight === undefined ? '–' : percent(weight),
      percent(past.share(d)),
    ];
  });
  return table(
    [
      { title: 'domain', align: 'left' },
      { title: 'teacher ppl', align: 'right' },
      { title: 'student at start', align: 'right' },
      { title: 'student now', align: 'right' },
      { title: 'gap (ratio)', align: 'right' },
      { title: 'weight', align: 'right' },
      { title: 'share so far', align: 'right' },
    ],
    rows,
  );
}

export const perplexity = (loss: number): string => {
  const value = Math.exp(loss);
  return value >= 1000 ? value.toExponential(2) : value.toFixed(3);
};
/** A gap, with an exponent where a run has gone astray. */
export const ratio = (value: number): string => (value >= 1e6 ? value.toExponential(2) : value.toFixed(3));
export const percent = (fraction: number): string =>
  Number.isNaN(fraction) ? '–' : `${(100 * fraction).toFixed(1)} %`;
