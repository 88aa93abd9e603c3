// Rules of operators that move elements, against differences.
import { describe, test } from 'node:test';
import { checkGradients, normal } from '../../support/gradient-checker.js';

describe('Transpose', () => {
  for (const perm of [
    [1, 0, 2],
    [2, 0, 1],
    [0, 1, 2],
  ]) {
    test(`by [${perm}]`, () =>
      checkGradients({ operands: [normal(2, 3, 2)], build: (b, x) => b.transpose(x!, perm) }));
  }
  test('of all axes by default', () =>
    checkGradients({ operands: [normal(2, 3, 4)], build: (b, x) => b.op('Transpose', [x!]) }));
});

describe('reshaping', () => {
  test('Reshape', () =>
    checkGradients({ operands: [normal(2, 6)], build: (b, x) => b.reshape(x!, [3, -1]) }));
  test('Flatten', () =>
    checkGradients({ operands: [normal(2, 3, 2)], build: (b, x) => b.op('Flatten', [x!], { axis: 2 }) }));
  test('Squeeze', () => checkGradients({ operands: [normal(2, 1, 3)], build: (b, x) => b.squeeze(x!, [1]) }));
  test('Squeeze of every axis of size 1', () =>
    checkGradients({ operands: [normal(1, 2, 1)], build: (b, x) => b.op('Squeeze', [x!]) }));
  test('Unsqueeze', () =>
    checkGradients({ operands: [normal(2, 3)], build: (b, x) => b.unsqueeze(x!, [0, -1]) }));
});

describe('Concat', () => {
  test('of two values and one of them again', () =>
    checkGradients({
      operands: [normal(2, 1), normal(2, 3)],
      build: (b, x, w) => b.concat([x!, w!, x!], -1),
    }));
  test('with constants around one value', () =>
    checkGradients({
      operands: [normal(2, 2)],
      build: (b, x) => {
        const zeros = b.constantOfShape([2, 2], 0, 'float64');
        return b.concat([zeros, x!, zeros], 0);
      },
    }));
});

describe('Split', () => {
  test('whose parts are all used', () =>
    checkGradients({ operands: [normal(4, 2)], build: (b, x) => b.split(x!, 0, [1, 3]) }));
  test('whose middle part alone is used', () =>
    checkGradients({ operands: [normal(2, 5)], build: (b, x) => b.split(x!, -1, [1, 2, 2])[1]! }));
});

describe('Slice', () => {
  const slices: readonly (readonly [string, number[], number[], number[], number[]])[] = [
    ['a range', [1], [3], [1], [1]],
    ['two axes at once', [0, 1], [1, 4], [0, 1], [1, 1]],
    ['limits from the end', [-3], [-1], [1], [1]],
    ['an end past the axis', [2], [2 ** 31], [-1], [1]],
    ['everything', [0], [5], [1], [1]],
    ['every second element', [0], [5], [1], [2]],
    ['every third from the second', [1], [5], [1], [3]],
    ['backwards', [-1], [-(2 ** 31)], [1], [-1]],
    ['backwards from the middle by two', [3], [0], [1], [-2]],
    ['one axis forwards and one backwards', [1, 4], [3, 1], [0, 1], [1, -1]],
  ];
  for (const [name, starts, ends, axes, steps] of slices) {
    test(name, () =>
      checkGradients({
        operands: [normal(3, 5)],
        build: (b, x) => b.op('Slice', [x!, b.ints(starts), b.ints(ends), b.ints(axes), b.ints(steps)]),
      }),
    );
  }
  test('without axes and steps', () =>
    checkGradients({
      operands: [normal(3, 4)],
      build: (b, x) => b.op('Slice', [x!, b.ints([1, 0]), b.ints([3, 2])]),
    }));
});

describe('Expand', () => {
  for (const [from, to] of [
    [[3], [2, 3]],
    [
      [2, 1],
      [2, 3],
    ],
    [[], [2, 2]],
    [
      [2, 3],
      [1, 1],
    ],
  ] as const) {
    test(`[${from}] to [${to}]`, () =>
      checkGradients({ operands: [normal(...from)], build: (b, x) => b.expand(x!, to) }));
  }
  test('of key-value heads, repeated for the heads that share them', () =>
    checkGradients({
      operands: [normal(1, 2, 2, 3), normal(1, 4, 3, 2)],
      build: (b, keys_BKTD, queries_BHDT) => {
        const repeated = b.expand(b.unsqueeze(keys_BKTD!, [2]), [1, 2, 2, 2, 3]);
        return b.matmul(b.reshape(repeated, [1, 4, 2, 3]), queries_BHDT!);
      },
    }));
});

describe('Tile', () => {
  test('two axes', () =>
    checkGradients({ operands: [normal(2, 3)], build: (b, x) => b.op('Tile', [x!, b.ints([3, 2])]) }));
  test('a mean of it, whose gradient is held small', () =>
    checkGradients({
      operands: [normal(2)],
      build: (b, x) => b.reduceMean(b.op('Tile', [x!, b.ints([3])]), [0], false),
    }));
});

describe('Pad', () => {
  test('on both sides of both axes', () =>
    checkGradients({ operands: [normal(2, 3)], build: (b, x) => b.op('Pad', [x!, b.ints([1, 0, 2, 1])]) }));
  test('with axes and a value', () =>
    checkGradients({
      operands: [normal(2, 3)],
      build: (b, x) => b.op('Pad', [x!, b.ints([1, 2]), b.scalar(0.5, 'float64'), b.ints([-1])]),
    }));
  test('that crops', () =>
    checkGradients({ operands: [normal(2, 4)], build: (b, x) => b.op('Pad', [x!, b.ints([0, -1, 1, -1])]) }));
});

describe('Trilu', () => {
  for (const upper of [0, 1]) {
    test(`upper ${upper}`, () =>
      checkGradients({ operands: [normal(2, 3, 3)], build: (b, x) => b.op('Trilu', [x!], { upper }) }));
    test(`upper ${upper}, off the diagonal`, () =>
      checkGradients({
        operands: [normal(3, 4)],
        build: (b, x) => b.op('Trilu', [x!, b.constant(one)], { upper }),
      }));
  }
  const one = { dtype: 'int64', shape: [], data: BigInt64Array.of(1n) } as const;
});
