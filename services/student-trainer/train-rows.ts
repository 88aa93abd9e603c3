// A prepared step as the engine takes it: rows of windows with their part of the teacher's targets.
import type { Targets } from '#teacher';
import type { TrainRow } from '#train';
import type { PreparedStep } from './step-feed.js';

export function rowsOf({ windows, domains, targets }: PreparedStep<Targets | undefined>): TrainRow[] {
  return windows.map((window, row) => ({
    domain: domains[row] ?? 0,
    ids: window.ids,
    mask: window.mask,
    ...(targets ? { targets: targetsOfRow(targets, row, windows.length) } : {}),
  }));
}

/** The positions of one of `rows` equal rows; views, not copies. */
function targetsOfRow(targets: Targets, row: number, rows: number): Targets {
  const positions = targets.positions / rows;
  const part = <A extends Int32Array | Float32Array>(all: A): A => {
    const length = all.length / rows;
    return all.subarray(row * length, (row + 1) * length) as A;
  };
  return targets.kind === 'top_k'
    ? { ...targets, positions, ids: part(targets.ids), logProbs: part(targets.logProbs) }
    : { ...targets, positions, logProbs: part(targets.logProbs) };
}
