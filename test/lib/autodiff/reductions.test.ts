// Rules of reductions, against differences.
import { describe, test } from 'node:test';
import type { GraphBuilder, Value } from '#onnx';
import { apart, checkGradients, exactly, normal } from '../../support/gradient-checker.js';

const axesCases: readonly (readonly [string, readonly number[] | undefined])[] = [
  ['the last axis', [-1]],
  ['the first axis', [0]],
  ['the middle axis', [1]],
  ['two axes out of order', [2, 0]],
  ['all axes by name', [0, 1, 2]],
  ['all axes by default', undefined],
];

function reduce(
  b: GraphBuilder,
  op: string,
  x: Value,
  axes: readonly number[] | undefined,
  keepdims: 0 | 1,
): Value {
  return b.op(op, axes === undefined ? [x] : [x, b.ints(axes)], { keepdims });
}

for (const op of ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin']) {
  describe(op, () => {
    for (const [name, axes] of axesCases) {
      for (const keepdims of [0, 1] as const) {
        test(`over ${name}, keepdims ${keepdims}`, () =>
          checkGradients({ operands: [apart(2, 3, 2)], build: (b, x) => reduce(b, op, x!, axes, keepdims) }));
      }
    }
    test('over no axes where an empty list means none', () =>
      checkGradients({
        operands: [apart(2, 3)],
        build: (b, x) => b.op(op, [x!], { noop_with_empty_axes: 1 }),
      }));
    test('followed by what it was reduced from', () =>
      checkGradients({
        operands: [apart(2, 3)],
        build: (b, x) => b.mul(x!, reduce(b, op, x!, [1], 1)),
      }));
  });
}

test('ReduceMean of opset 13, whose axes are an attribute', () =>
  checkGradients({
    opset: 13,
    operands: [normal(2, 3)],
    build: (b, x) => b.op('ReduceMean', [x!], { axes: [1], keepdims: 0 }),
  }));

test('ReduceMax of equal values shares the gradient between them', () =>
  checkGradients({ operands: [exactly([2, 2], [1, 1, 3, 2])], build: (b, x) => b.reduceMax(x!, [1]) }));

describe('a mean is handed on small', () => {
  test('through a chain of elementwise operators', () =>
    checkGradients({
      operands: [normal(3, 4)],
      build: (b, x) => {
        const rms_N1 = b.sqrt(b.add(b.reduceMean(b.mul(x!, x!), [-1], true), 1e-3));
        return b.div(x!, rms_N1);
      },
    }));
  test('through a sum with a broadcast row, whose gradient counts every row', () =>
    checkGradients({
      operands: [normal(3, 4), normal(4)],
      build: (b, x, w) => b.reduceMean(b.add(x!, w!), [0, 1], false),
    }));
  test('through Expand, Reshape, Transpose, Concat and MatMul', () =>
    checkGradients({
      operands: [normal(2, 1), normal(3, 2)],
      build: (b, x, w) => {
        const wide = b.expand(x!, [2, 3]);
        const product = b.matmul(wide, w!);
        const parts = b.concat([b.transpose(wide, [1, 0]), b.reshape(product, [2, 2])], 0);
        return b.reduceSum(parts, [1], false);
      },
    }));
});

describe('CumSum', () => {
  for (const exclusive of [0, 1]) {
    for (const reverse of [0, 1]) {
      test(`exclusive ${exclusive}, reverse ${reverse}`, () =>
        checkGradients({
          operands: [normal(2, 4)],
          build: (b, x) => b.op('CumSum', [x!, b.constant(lastAxis)], { exclusive, reverse }),
        }));
    }
  }
  const lastAxis = { dtype: 'int64', shape: [], data: BigInt64Array.of(-1n) } as const;
});
