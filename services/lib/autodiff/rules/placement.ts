// Putting a gradient back at known positions of a larger tensor of zeros, without scattering: concatenation with
// zeros and gathering have deterministic kernels for every type on every provider.
import type { DType, GraphBuilder, Value } from '#onnx';
import { staticShape, withDim } from '../shapes.js';

export function zeros(e: GraphBuilder, shape: readonly number[], dtype: DType): Value {
  return e.constantOfShape(shape, 0, dtype);
}

/** `value` with zeros before and after it along one axis. */
export function embed(e: GraphBuilder, value: Value, axis: number, before: number, after: number): Value {
  if (before === 0 && after === 0) return value;
  const shape = staticShape(value);
  const block = (size: number) => (size === 0 ? [] : [zeros(e, withDim(shape, axis, size), value.dtype)]);
  return e.concat([...block(before), value, ...block(after)], axis);
}

/** Row i of `value` goes to position `positions[i]` of an axis of `size`; other positions are zero. Positions differ. */
export function placeRows(
  e: GraphBuilder,
  value: Value,
  axis: number,
  positions: readonly number[],
  size: number,
): Value {
  // Each position asks for its row; those that have none ask for the zero that is appended.
  const zeroRow = positions.length;
  const rows = Array<number>(size).fill(zeroRow);
  for (const [row, position] of positions.entries()) rows[position] = row;
  const source = positions.length === size ? value : embed(e, value, axis, 0, 1);
  return e.gather(source, e.ints(rows), axis);
}
