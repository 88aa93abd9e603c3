// What a Slice node takes along each of its axes, with ONNX's rules for negative and overlong limits applied.
import type { RuleContext } from '../context.js';
import { frontAxis } from '../shapes.js';

export interface SliceRange {
  readonly axis: number;
  /** First position taken. */
  readonly start: number;
  readonly step: number;
  /** How many positions are taken. */
  readonly count: number;
  /** Size of the axis that is sliced. */
  readonly size: number;
}

/** The axes that a Slice really changes. */
export function sliceRanges(c: RuleContext): SliceRange[] {
  const rank = c.xShape.length;
  const starts = c.constantInts(1, 'starts') ?? c.refuse('its starts are missing');
  const ends = c.constantInts(2, 'ends') ?? c.refuse('its ends are missing');
  const axes = c.constantInts(3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = c.constantInts(4, 'steps') ?? starts.map(() => 1);
  return starts
    .map((start, index) => {
      const axis = frontAxis(axes[index]!, rank);
      return rangeOf(axis, c.xShape[axis]!, start, ends[index]!, steps[index]!);
    })
    .filter(({ step, count, size }) => step !== 1 || count !== size);
}

function rangeOf(axis: number, size: number, start: number, end: number, step: number): SliceRange {
  // Walking backwards may start at the last position and end before the first.
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (limit: number) => Math.min(Math.max(limit < 0 ? limit + size : limit, lowest), highest);
  const first = Math.max(clamp(start), 0);
  const count = Math.max(0, Math.ceil((clamp(end) - first) / step));
  return { axis, start: first, step, count, size };
}
