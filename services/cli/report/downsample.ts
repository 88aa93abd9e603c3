// Fewer points than steps: a plot has some hundred columns of pixels, a run may have a million steps.

/** The mean of a bucket of neighbouring points. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/** Neighbouring points, added up; those that are not finite count for `lastX` and the middle of the bucket only. */
export interface Bucket extends Point {
  readonly lastX: number;
}

interface Sums {
  points: number;
  xs: number;
  lastX: number;
  finite: number;
  ys: number;
  low: number;
  high: number;
}

/** Takes `count` points one by one into at most `buckets` buckets of as many neighbours each, and keeps no more than these. */
export class Buckets {
  readonly size: number;
  readonly #all: Sums[] = [];

  constructor(count: number, buckets: number) {
    this.size = Math.max(1, Math.ceil(count / buckets));
  }

  add(x: number, y: number): void {
    let sums = this.#all.at(-1);
    if (sums === undefined || sums.points === this.size) {
      const [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      sums = { points: 0, xs: 0, lastX: x, finite: 0, ys: 0, low, high };
      this.#all.push(sums);
    }
    sums.points += 1;
    sums.xs += x;
    sums.lastX = x;
    if (!Number.isFinite(y)) return;
    sums.finite += 1;
    sums.ys += y;
    sums.low = Math.min(sums.low, y);
    sums.high = Math.max(sums.high, y);
  }

  /** In order. `y` is NaN where no point of a bucket is finite. */
  get all(): Bucket[] {
    return this.#all.map(({ points, xs, lastX, finite, ys, low, high }) => ({
      x: xs / points,
      y: ys / finite,
      low,
      high,
      lastX,
    }));
  }

  /** The buckets in which something is finite. */
  get points(): Point[] {
    return this.all.flatMap(({ x, y, low, high }) => (Number.isNaN(y) ? [] : [{ x, y, low, high }]));
  }
}
