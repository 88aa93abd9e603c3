// Rules of matrix products, against differences.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gradients } from '#autodiff';
import { GraphBuilder } from '#onnx';
import { checkGradients, normal } from '../../support/gradient-checker.js';

describe('MatMul', () => {
  const shapes: readonly (readonly [string, readonly number[], readonly number[]])[] = [
    ['two matrices', [2, 3], [3, 4]],
    ['a stack by one matrix', [2, 2, 3], [3, 2]],
    ['a deeper stack by one matrix', [2, 1, 2, 3], [3, 2]],
    ['two stacks', [2, 2, 3], [2, 3, 2]],
    ['stacks that broadcast on the left', [1, 2, 3], [2, 3, 2]],
    ['stacks that broadcast on the right', [2, 2, 2, 3], [2, 1, 3, 2]],
    ['one matrix by a stack', [2, 3], [2, 3, 2]],
    ['a vector by a matrix', [3], [3, 2]],
    ['a matrix by a vector', [2, 3], [3]],
    ['a stack by a vector', [2, 2, 3], [3]],
    ['a vector by a stack', [3], [2, 3, 2]],
    ['two vectors', [3], [3]],
  ];
  for (const [name, left, right] of shapes) {
    test(name, () =>
      checkGradients({ operands: [normal(...left), normal(...right)], build: (b, x, w) => b.matmul(x!, w!) }),
    );
  }

  test('by one matrix needs no transposed copy', () => {
    const b = new GraphBuilder('linear');
    const x = b.input('x', 'float32', [2, 3, 4]);
    const w = b.input('w', 'float32', [4, 5]);
    const y = b.matmul(x, w);
    gradients(b, { seeds: [{ value: y, gradient: b.input('g', 'float32', [2, 3, 5]) }], wrt: [x, w] });
    const ops = b.nodes.map((node) => node.op);
    assert.deepEqual(ops, ['MatMul', 'Reshape', 'Reshape', 'Gemm', 'Reshape', 'Gemm']);
  });
});

describe('Gemm', () => {
  for (const transA of [false, true]) {
    for (const transB of [false, true]) {
      const a = transA ? normal(3, 2) : normal(2, 3);
      const w = transB ? normal(4, 3) : normal(3, 4);
      test(`with transA ${transA} and transB ${transB}`, () =>
        checkGradients({
          operands: [a, w],
          build: (b, x, y) => b.gemm(x!, y!, null, { transA, transB, alpha: 0.5 }),
        }));
    }
  }

  for (const shape of [[], [1], [4], [1, 4], [2, 1], [2, 4]]) {
    test(`with a bias of shape [${shape}]`, () =>
      checkGradients({
        operands: [normal(2, 3), normal(3, 4), normal(...shape)],
        build: (b, x, w, c) => b.gemm(x!, w!, c!, { beta: 1.5 }),
      }));
  }

  test('of a matrix with itself', () =>
    checkGradients({ operands: [normal(3, 2)], build: (b, x) => b.gemm(x!, x!, null, { transB: true }) }));
});
