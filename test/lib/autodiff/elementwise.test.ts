// Rules of operators that work element by element, against differences.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gradients } from '#autodiff';
import { GraphBuilder, type Value } from '#onnx';
import { broadcasts } from '../../support/broadcasts.js';
import {
  apart,
  checkGradients,
  exactly,
  fixed,
  normal,
  type Operand,
  positive,
} from '../../support/gradient-checker.js';

type Fill = (...shape: number[]) => Operand;

describe('unary operators have the gradient that differences show', () => {
  const operators: readonly (readonly [string, Fill])[] = [
    ['Identity', normal],
    ['Neg', normal],
    ['Sqrt', positive],
    ['Reciprocal', positive],
    ['Exp', normal],
    ['Log', positive],
    ['Tanh', normal],
    ['Sigmoid', normal],
    ['Relu', apart],
    ['Abs', apart],
    ['Sin', normal],
    ['Cos', normal],
  ];
  for (const [op, fill] of operators) {
    test(op, async () => {
      for (const shape of [[], [5], [2, 3]]) {
        await checkGradients({ operands: [fill(...shape)], build: (b, x) => b.op(op, [x!]) });
      }
    });
  }

  // The CPU has Erf in float32 only.
  test('Erf', () =>
    checkGradients({ dtype: 'float32', operands: [normal(2, 3)], build: (b, x) => b.erf(x!) }));
});

describe('binary operators sum the gradient over what was broadcast', () => {
  type Build = (b: GraphBuilder, x: Value, w: Value) => Value;
  const operators: Readonly<Record<string, readonly [Fill, Fill, Build]>> = {
    Add: [normal, normal, (b, x, w) => b.add(x, w)],
    Sub: [normal, normal, (b, x, w) => b.sub(x, w)],
    Mul: [normal, normal, (b, x, w) => b.mul(x, w)],
    Div: [normal, positive, (b, x, w) => b.div(x, w)],
    Pow: [positive, normal, (b, x, w) => b.pow(x, w)],
    Max: [apart, apart, (b, x, w) => b.maximum(x, w)],
    Min: [apart, apart, (b, x, w) => b.minimum(x, w)],
    Where: [normal, normal, (b, x, w) => b.where(b.greater(b.add(x, w), 0.25), b.mul(x, 2), w)],
  };
  for (const [op, [left, right, build]] of Object.entries(operators)) {
    test(op, async (t) => {
      for (const shapes of broadcasts) {
        await t.test(shapes.name, () =>
          checkGradients({
            operands: [left(...shapes.left), right(...shapes.right)],
            build: (b, x, w) => build(b, x!, w!),
          }),
        );
      }
    });
  }
});

describe('variadic operators', () => {
  for (const op of ['Sum', 'Max', 'Min']) {
    test(`${op} of one, two and three inputs`, async () => {
      for (const shapes of [[[3]], [[2, 3], [3]], [[2, 3], [3], [2, 1]]]) {
        const operands = shapes.map((shape) => apart(...shape));
        await checkGradients({ operands, build: (b, ...inputs) => b.op(op, inputs) });
      }
    });
  }

  test('Max of equal values shares the gradient between them', async () => {
    // Moving one of two equal values up changes the maximum by all of the step, moving it down by nothing: the
    // difference over both is one half.
    const equal = exactly([2], [1, -2]);
    await checkGradients({ operands: [equal, equal], build: (b, x, w) => b.maximum(x!, w!) });
  });
});

describe('Pow with a constant exponent', () => {
  for (const power of [1, 2, 3, 0.5, -1, -0.5, 2.5]) {
    test(`x^${power}`, () =>
      checkGradients({ operands: [positive(2, 3)], build: (b, x) => b.pow(x!, power) }));
  }

  test('a negative base with a whole exponent', () =>
    checkGradients({ operands: [apart(5)], build: (b, x) => b.pow(x!, fourth(b)) }));

  test('an exponent of another type', () =>
    checkGradients({
      operands: [positive(2, 3), exactly([3], [2, 3, -1], 'int64')],
      build: (b, x, w) => b.pow(x!, w!),
    }));

  const fourth = (b: GraphBuilder) => b.scalar(4, 'float64');
});

describe('operators that use one value twice', () => {
  test('x + x', () => checkGradients({ operands: [normal(3)], build: (b, x) => b.add(x!, x!) }));
  test('x * x', () => checkGradients({ operands: [normal(3)], build: (b, x) => b.mul(x!, x!) }));
  test('x / x', () => checkGradients({ operands: [positive(3)], build: (b, x) => b.div(x!, x!) }));
  test('x ^ x', () => checkGradients({ operands: [positive(3)], build: (b, x) => b.pow(x!, x!) }));
});

describe('SiLU', () => {
  test('z * sigmoid(z), either way round', async () => {
    await checkGradients({ operands: [normal(2, 3)], build: (b, z) => b.mul(z!, b.sigmoid(z!)) });
    await checkGradients({ operands: [normal(2, 3)], build: (b, z) => b.mul(b.sigmoid(z!), z!) });
  });
  test('whose sigmoid is used elsewhere too', () =>
    checkGradients({
      operands: [normal(2, 3)],
      build: (b, z) => {
        const gate = b.sigmoid(z!);
        return [b.mul(z!, gate), b.exp(gate)];
      },
    }));
  test('takes four passes', () => {
    const b = new GraphBuilder('silu');
    const z = b.input('z', 'float32', [3]);
    const y = b.mul(z, b.sigmoid(z));
    gradients(b, { seeds: [{ value: y, gradient: b.input('g', 'float32', [3]) }], wrt: [z] });
    assert.deepEqual(
      b.nodes.slice(2).map((node) => node.op),
      ['Sub', 'Mul', 'Add', 'Mul'],
    );
  });
  test('whose sigmoid is a target itself', () => {
    const b = new GraphBuilder('silu');
    const z = b.input('z', 'float32', [3]);
    const gate = b.sigmoid(z);
    const y = b.mul(z, gate);
    const [toGate] = gradients(b, {
      seeds: [{ value: y, gradient: b.input('g', 'float32', [3]) }],
      wrt: [gate, z],
    });
    assert.ok(toGate);
  });
});

describe('Clip', () => {
  const limits = (b: GraphBuilder) => [b.scalar(-0.7, 'float64'), b.scalar(0.8, 'float64')] as const;

  test('passes what lies inside the limits', () =>
    checkGradients({ operands: [apart(2, 4)], build: (b, x) => b.op('Clip', [x!, ...limits(b)]) }));
  test('with one limit', async () => {
    await checkGradients({ operands: [apart(5)], build: (b, x) => b.op('Clip', [x!, limits(b)[0]]) });
    await checkGradients({ operands: [apart(5)], build: (b, x) => b.op('Clip', [x!, null, limits(b)[1]]) });
  });
  test('gives the limits what was cut off', () =>
    checkGradients({
      operands: [apart(6), exactly([], [-0.7]), exactly([], [0.8])],
      build: (b, x, low, high) => b.op('Clip', [x!, low!, high!]),
    }));
});

describe('Where', () => {
  test('with a mask that broadcasts', () =>
    checkGradients({
      operands: [exactly([1, 3], [1, 0, 1], 'bool'), normal(2, 1), normal(2, 3)],
      build: (b, mask, x, w) => b.where(mask!, x!, w!),
    }));
  test('keeps the infinite scores of masked positions out of the gradient', () =>
    checkGradients({
      operands: [exactly([2, 3], [1, 0, 0, 1, 1, 0], 'bool'), normal(2, 3)],
      build: (b, mask, x) => b.softmax(b.where(mask!, x!, Number.NEGATIVE_INFINITY)),
    }));
});

describe('Cast', () => {
  // The values and the step are sums of few powers of two and a square is a polynomial of degree 2, so the difference
  // is exact and only float32's rounding of the gradient is left: 6e-8.
  test('takes the gradient back to the narrower type', () =>
    checkGradients({
      operands: [exactly([4], [0.5, -1.25, 2, 0.75], 'float32')],
      build: (b, x) => b.pow(b.cast(x!, 'float64'), 2),
      bound: 1e-7,
    }));
  test('through an integer stops the gradient', () =>
    checkGradients({
      operands: [apart(4)],
      build: (b, x) => b.mul(x!, b.cast(b.cast(x!, 'int64'), 'float64')),
    }));
});

test('an operand that is not differentiated gets nothing', () =>
  checkGradients({ operands: [normal(2, 3), fixed(normal(3))], build: (b, x, w) => b.mul(x!, w!) }));
