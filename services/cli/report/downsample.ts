// Fewer points than steps: a plot has some hundred columns of pixels, a run may have a million steps.

import { mean } from './numbers.js';

/** The mean of a bucket of neighbouring points. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** At most `buckets` points, each the mean of as many neighbours; points that are not finite are left out. */
export function downsample(xs: readonly number[], ys: readonly number[], buckets: number): Point[] {
  const size = Math.max(1, Math.ceil(xs.length / buckets));
  const points: Point[] = [];
  for (let start = 0; start < xs.length; start += size) {
    const members = ys.slice(start, start + size).filter(Number.isFinite);
    if (members.length === 0) continue;
    points.push({
      x: mean(xs.slice(start, start + size)),
      y: mean(members),
      low: members.reduce((low, value) => Math.min(low, value)),
      high: members.reduce((high, value) => Math.max(high, value)),
    });
  }
  return points;
}
