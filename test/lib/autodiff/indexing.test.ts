// Rules of operators that pick elements by index, against differences.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gradients } from '#autodiff';
import { GraphBuilder } from '#onnx';
import { apart, checkGradients, exactly, normal } from '../../support/gradient-checker.js';

const ids = (shape: readonly number[], ...values: number[]) => exactly(shape, values, 'int64');

describe('Gather', () => {
  test('rows of a table, some of them twice', () =>
    checkGradients({
      operands: [normal(4, 3), ids([2, 3], 0, 2, 2, 3, 0, 2)],
      build: (b, table, at) => b.gather(table!, at!),
    }));
  test('indices from the end', () =>
    checkGradients({ operands: [normal(4, 2), ids([2], -1, 3)], build: (b, x, at) => b.gather(x!, at!) }));
  test('on the last axis', () =>
    checkGradients({
      operands: [normal(2, 4), ids([3], 1, 1, 0)],
      build: (b, x, at) => b.gather(x!, at!, -1),
    }));
  test('on the middle axis with a matrix of indices', () =>
    checkGradients({
      operands: [normal(2, 3, 2), ids([2, 2], 0, 2, 2, 1)],
      build: (b, x, at) => b.gather(x!, at!, 1),
    }));
  test('one index, which drops the axis', () =>
    checkGradients({ operands: [normal(3, 2), ids([], 1)], build: (b, x, at) => b.gather(x!, at!) }));
  test('from a vector', () =>
    checkGradients({ operands: [normal(4), ids([3], 3, 0, 3)], build: (b, x, at) => b.gather(x!, at!) }));

  test('constant indices that differ, without scattering', async () => {
    await checkGradients({ operands: [normal(2, 4)], build: (b, x) => b.gather(x!, b.ints([3, -4]), 1) });
    await checkGradients({ operands: [normal(3, 2)], build: (b, x) => b.gather(x!, b.ints([2, 0, 1])) });
  });
  test('constant indices that repeat', () =>
    checkGradients({ operands: [normal(2, 4)], build: (b, x) => b.gather(x!, b.ints([3, 3, 0]), 1) }));

  test('from a table that is also multiplied with, adding into one buffer', async () => {
    await checkGradients({
      operands: [normal(4, 3), ids([3], 1, 2, 1)],
      build: (b, table, at) => b.gemm(b.gather(table!, at!), table!, null, { transB: true }),
    });
    const b = new GraphBuilder('tied');
    const table = b.input('table', 'float32', [4, 3]);
    const hidden = b.gather(table, b.input('ids', 'int64', [2]));
    const logits = b.gemm(hidden, table, null, { transB: true });
    gradients(b, { seeds: [{ value: logits, gradient: b.input('g', 'float32', [2, 4]) }], wrt: [table] });
    const ops = b.nodes.map((node) => node.op);
    assert.ok(!ops.includes('Add') && !ops.includes('Sub'), `no zeros and no sum in ${ops}`);
  });
});

describe('GatherElements', () => {
  for (const axis of [0, 1, -1]) {
    test(`on axis ${axis}`, () =>
      checkGradients({
        operands: [normal(3, 3), ids([2, 3], 0, 2, 2, 0, 1, 2)],
        build: (b, x, at) => b.gatherElements(x!, at!, axis),
      }));
  }
});

describe('ScatterElements', () => {
  for (const reduction of ['none', 'add'] as const) {
    test(`with reduction ${reduction}`, () =>
      checkGradients({
        operands: [normal(3, 4), ids([3, 2], 0, 2, 3, 1, 2, 0), normal(3, 2)],
        build: (b, x, at, updates) => b.scatterElements(x!, at!, updates!, 1, reduction),
      }));
  }
  test('adding at an index twice', () =>
    checkGradients({
      operands: [normal(3), ids([4], 1, 1, 2, 1), normal(4)],
      build: (b, x, at, updates) => b.scatterElements(x!, at!, updates!, 0, 'add'),
    }));
});

describe('TopK', () => {
  test('of the last axis', () =>
    checkGradients({ operands: [apart(2, 4)], build: (b, x) => b.topK(x!, 2)[0] }));
  test('of the first axis', () =>
    checkGradients({ operands: [apart(4, 2)], build: (b, x) => b.topK(x!, 3, 0)[0] }));
  test('the smallest, unsorted', () =>
    checkGradients({
      operands: [apart(5)],
      build: (b, x) => b.ops('TopK', [x!, b.ints([2])], 2, { largest: 0, sorted: 0 })[0]!,
    }));
});
