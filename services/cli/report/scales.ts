// Choosing axes: the range of values, whether a logarithm shows them better, and where labels fit beside line ends.

export interface Range {
  readonly kind: 'linear' | 'log';
  readonly low: number;
  readonly high: number;
}

/** Where the largest value is this many times the smallest, equal factors are shown as equal distances. */
const LOG_SPREAD = 20;

/** Intervals between the lines of a linear axis. */
const TICKS = 6;

/** A range that holds all values and ends on lines of the axis. `include` are values that must be visible too. */
export function rangeOf(values: readonly number[], include: readonly number[] = []): Range {
  const shown = [...values.filter(Number.isFinite), ...include];
  const low = shown.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = shown.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (shown.length === 0) return { kind: 'linear', low: 0, high: 1 };
  if (low > 0 && high / low > LOG_SPREAD) return { kind: 'log', low: low / 1.1, high: high * 1.1 };
  const step = tickStep(high - low || Math.abs(high) || 1);
  return { kind: 'linear', low: Math.floor(low / step) * step, high: Math.ceil(high / step) * step };
}

/** 1, 2 or 5 times a power of ten, so that `span` has about {@link TICKS} of them. */
function tickStep(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / TICKS));
  const factor = [1, 2, 5].find((candidate) => span / (candidate * power) <= TICKS) ?? 10;
  return factor * power;
}

/** The vertical places of labels, moved apart so that none covers another, in the units of the range. */
export function spreadLabels(
  values: readonly number[],
  range: Range,
  plotPixels: number,
  labelPixels: number,
): number[] {
  const forward = range.kind === 'log' ? Math.log : (value: number) => value;
  const back = range.kind === 'log' ? Math.exp : (value: number) => value;
  const low = forward(range.low);
  const span = forward(range.high) - low;
  const gap = (labelPixels / plotPixels) * span;
  const order = values.map((value, index) => ({ index, at: forward(value) })).sort((a, b) => a.at - b.at);
  const places = Array<number>(values.length).fill(0);
  let floor = Number.NEGATIVE_INFINITY;
  for (const item of order) {
    item.at = Math.max(item.at, floor);
    floor = item.at + gap;
  }
  // What was pushed out at the top moves back down, and pushes what is below it.
  let ceiling = low + span;
  for (const item of order.reverse()) {
    item.at = Math.min(item.at, ceiling);
    ceiling = item.at - gap;
    places[item.index] = back(item.at);
  }
  return places;
}
