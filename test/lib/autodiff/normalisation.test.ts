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
