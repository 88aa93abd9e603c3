// Rules of Softmax and the normalisations, against differences.
import { describe, test } from 'node:test';
import { checkGradients, normal } from '../../support/gradient-checker.js';

for (const op of ['Softmax', 'LogSoftmax']) {
  describe(op, () => {
    for (const axis of [-1, 0, 1]) {
      test(`on axis ${axis}`, () =>
        checkGradients({ operands: [normal(2, 3, 2)], build: (b, x) => b.op(op, [x!], { axis }) }));
    }
    test('on the last axis by default', () =>
      checkGradients({ operands: [normal(2, 3)], build: (b, x) => b.op(op, [x!]) }));
    test('under a mean, whose gradient is held small', () =>
      checkGradients({
        operands: [normal(2, 3)],
        build: (b, x) => b.reduceMean(b.pow(b.op(op, [x!]), 2), [0, 1], false),
      }));
    test('of one row of a sum over rows', () =>
      checkGradients({
        operands: [normal(2, 3)],
        build: (b, x) => b.reduceSum(b.op(op, [x!]), [0], false),
      }));
  });
}

describe('LayerNormalization', () => {
  test('with scale and bias', () =>
    checkGradients({
      operands: [normal(2, 4), normal(4), normal(4)],
      build: (b, x, scale, bias) => b.op('LayerNormalization', [x!, scale!, bias!]),
    }));
  test('without bias, with a large epsilon', () =>
    checkGradients({
      operands: [normal(2, 2, 3), normal(3)],
      build: (b, x, scale) => b.op('LayerNormalization', [x!, scale!], { epsilon: { float: 0.5 } }),
    }));
  test('over the last two axes', () =>
    checkGradients({
      operands: [normal(2, 2, 3), normal(2, 3), normal(2, 3)],
      build: (b, x, scale, bias) => b.op('LayerNormalization', [x!, scale!, bias!], { axis: 1 }),
    }));
  test('using the statistics that the operator gives', () =>
    checkGradients({
      dtype: 'float32',
      operands: [normal(2, 4), normal(4)],
      build: (b, x, scale) => b.ops('LayerNormalization', [x!, scale!], 3)[0]!,
    }));
});

describe('normalisation by mean square', () => {
  test('RMSNormalization', () =>
    checkGradients({
      opset: 23,
      operands: [normal(2, 2, 3), normal(3)],
      build: (b, x, scale) => b.op('RMSNormalization', [x!, scale!], { epsilon: { float: 0.01 } }),
    }));
  for (const outputs of [1, 2]) {
    test(`SimplifiedLayerNormalization with ${outputs} outputs`, () =>
      checkGradients({
        dtype: 'float32',
        operands: [normal(2, 4), normal(4)],
        build: (b, x, scale) => b.ops('SimplifiedLayerNormalization', [x!, scale!], outputs)[0]!,
      }));
  }
});

/** What scales an input of [2, 2, 3] may have, by the first axis that is normalised. */
const scales: readonly (readonly [what: string, axis: number, scale: readonly number[]])[] = [
  ['of all normalised axes', -2, [2, 3]],
  ['of all normalised axes, counted from the front', 1, [2, 3]],
  ['where every axis is normalised', 0, [2, 2, 3]],
  ['of the last of two normalised axes', 1, [3]],
  ['of the first of two normalised axes', -2, [2, 1]],
  ['of one number', -1, []],
  ['that differs from row to row', -1, [2, 2, 3]],
  ['that differs along one of the axes before', -1, [2, 1, 3]],
];

for (const { op, dtype, opset } of [
  { op: 'RMSNormalization', dtype: 'float64', opset: 23 },
  { op: 'SimplifiedLayerNormalization', dtype: 'float32', opset: 18 },
  { op: 'LayerNormalization', dtype: 'float64', opset: 18 },
] as const) {
  describe(`${op} with a scale`, () => {
    for (const [what, axis, scale] of scales)
      test(what, () =>
        checkGradients({
          dtype,
          opset,
          operands: [normal(2, 2, 3), normal(...scale)],
          build: (b, x, s) => b.ops(op, [x!, s!], 1, { axis })[0]!,
        }),
      );
  });
}
