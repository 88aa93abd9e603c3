// Arithmetic on static shapes: broadcasting, and the axes of an operator.
import { assert, DdkError } from '#base';
import type { Value } from '#onnx';

/** @throws DdkError failed_precondition when a size of the value is not known */
export function staticShape(value: Value): readonly number[] {
  const { shape } = value;
  if (shape?.every((dim) => typeof dim === 'number')) return shape as readonly number[];
  const text = shape === undefined ? 'unknown' : `[${shape.join(', ')}]`;
  throw new DdkError(
    'failed_precondition',
    `Gradients need static shapes, and that of value "${value.name}" is ${text}; bind the model's free dimensions first.`,
    { reason: 'SHAPE_NOT_STATIC' },
  );
}

export function sameShape(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((dim, axis) => dim === right[axis]);
}

/** The size on `axis` of a shape aligned to the right within `rank` axes; 1 for axes it does not have. */
export function alignedDim(shape: readonly number[], rank: number, axis: number): number {
  return shape[axis - (rank - shape.length)] ?? 1;
}

/** The shape both broadcast to. */
export function broadcastShape(left: readonly number[], right: readonly number[]): number[] {
  const rank = Math.max(left.length, right.length);
  return Array.from({ length: rank }, (_, axis) => {
    const a = alignedDim(left, rank, axis);
    const b = alignedDim(right, rank, axis);
    assert(a === b || a === 1 || b === 1, `shapes [${left}] and [${right}] do not broadcast`);
    return a === 1 ? b : a;
  });
}

/** `axis` counted from the front. */
export function frontAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

/** `shape` with one size replaced. */
export function withDim(shape: readonly number[], axis: number, size: number): number[] {
  return shape.map((dim, index) => (index === axis ? size : dim));
}
