// Which part of an axis Slice takes, and which part of a shape Shape gives.

/** How many elements start:end:step takes of `size`, by the rules of Slice. */
export function sliceRange(
  size: number,
  start: number,
  end: number,
  step: number,
): { first: number; count: number } {
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  if (step > 0) {
    const first = Math.min(Math.max(from, 0), size);
    const last = Math.min(Math.max(to, 0), size);
    return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
  }
  const first = Math.min(Math.max(from, 0), size - 1);
  const last = Math.min(Math.max(to, -1), size - 1);
  return { first, count: Math.max(0, Math.ceil((first - last) / -step)) };
}

/** Shape with its optional start and end, clamped as the operator does. */
export function shapeRange(rank: number, start: number, end: number): { first: number; last: number } {
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const first = clamp(start);
  return { first, last: Math.max(first, clamp(end)) };
}
