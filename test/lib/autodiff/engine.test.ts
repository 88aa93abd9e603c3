// What the engine does around the rules: pruning, summing, seeds, refusals, and emitting the same graph every time.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { differentiableOperators, gradients } from '#autodiff';
import { DdkError } from '#base';
import { encodeModel, GraphBuilder, type Value } from '#onnx';
import { checkGradients, fixed, normal } from '../../support/gradient-checker.js';

/** A builder with two vectors, and the operators that one call of gradients() adds to it. */
function sketch() {
  const b = new GraphBuilder('sketch');
  const x = b.input('x', 'float32', [3]);
  const w = b.input('w', 'float32', [3]);
  const emitted = (loss: Value, wrt: Value[]) => {
    const before = b.nodes.length;
    const found = gradients(b, { seeds: [{ value: loss, gradient: b.scalar(1) }], wrt });
    return { found, ops: b.nodes.slice(before).map((node) => node.op) };
  };
  return { b, x, w, emitted };
}

function caught(body: () => unknown): DdkError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof DdkError);
    return error;
  }
  assert.fail('nothing was thrown');
}

describe('pruning', () => {
  test('emits nothing for inputs that are not asked for', () => {
    const { b, x, w, emitted } = sketch();
    const loss = b.reduceSum(b.mul(b.exp(x), w), [0], false);
    assert.deepEqual(emitted(loss, [w]).ops, ['Mul']);
  });

  test('does not walk branches that lead to no target', () => {
    const { b, x, w, emitted } = sketch();
    const withoutRule = b.op('Hardmax', [w]);
    const loss = b.reduceSum(b.add(b.exp(x), withoutRule), [0], false);
    b.op('Hardmax', [loss]);
    assert.deepEqual(emitted(loss, [x]).ops, ['Mul']);
  });

  test('gives null where no path leads to the loss', () => {
    const { b, x, w, emitted } = sketch();
    const loss = b.reduceSum(x, [0], false);
    const [toX, toW] = emitted(loss, [x, w]).found;
    assert.ok(toX);
    assert.equal(toW, null);
  });

  test('gives null where every path crosses an operator that only jumps', () => {
    const { b, x, emitted } = sketch();
    const jumps = b.cast(b.greater(x, 0), 'float32');
    const rounded = b.op('Round', [x]);
    const loss = b.reduceSum(b.add(jumps, rounded), [0], false);
    assert.deepEqual(emitted(loss, [x]), { found: [null], ops: [] });
  });
});

describe('summing', () => {
  test('a value used by several consumers', () =>
    checkGradients({
      operands: [normal(2, 3)],
      build: (b, x) => b.add(b.mul(b.exp(x!), b.sin(x!)), b.reduceMean(x!, [1], true)),
    }));
  test('a residual network of two blocks', () =>
    checkGradients({
      operands: [normal(2, 3), normal(3, 3)],
      build: (b, x, w) => {
        const once = b.add(x!, b.tanh(b.matmul(x!, w!)));
        return b.add(once, b.tanh(b.matmul(once, w!)));
      },
    }));
  test('several outputs, one inside the graph of the other', () =>
    checkGradients({
      operands: [normal(3)],
      build: (b, x) => {
        const inner = b.exp(x!);
        return [inner, b.mul(inner, inner)];
      },
    }));
});

describe('targets and seeds', () => {
  test('a value inside the graph can be a target beside those it is computed from', () => {
    const { b, x, emitted } = sketch();
    const inside = b.exp(x);
    const [toX, toInside] = emitted(b.reduceSum(b.mul(inside, inside), [0], false), [x, inside]).found;
    assert.deepEqual([toX?.shape, toInside?.shape], [[3], [3]]);
  });

  test('a target behind an operator that only jumps has a gradient, and what is before it has none', () => {
    const { b, x, emitted } = sketch();
    const rounded = b.op('Round', [x]);
    const [toX, toRounded] = emitted(b.reduceSum(b.mul(rounded, rounded), [0], false), [x, rounded]).found;
    assert.equal(toX, null);
    assert.deepEqual(toRounded?.shape, [3]);
  });

  test('the body of a loop is differentiated with respect to values of the graph around it', () => {
    const { b, x } = sketch();
    const body = b.subgraph('body');
    body.input('i', 'int64', []);
    body.output('go_on', body.identity(body.input('condition', 'bool', [])));
    const loss = body.reduceSum(body.exp(x), [0], false);
    const [gradient] = gradients(body, { seeds: [{ value: loss, gradient: body.scalar(1) }], wrt: [x] });
    body.output('gradient', gradient!);
    b.output('gradients', b.op('Loop', [b.scalar(2, 'int64'), null], { body: { graph: body.graph() } }));
    b.build();
  });

  test('the gradient of a seed itself is the seed, grown to its shape', () => {
    const { b, x } = sketch();
    const [gradient] = gradients(b, { seeds: [{ value: x, gradient: b.scalar(1) }], wrt: [x] });
    assert.deepEqual([gradient?.producer?.op, gradient?.shape], ['Expand', [3]]);
  });

  test('two seeds of one value add up', () => {
    const { b, x } = sketch();
    const seed = { value: x, gradient: b.input('g', 'float32', [3]) };
    const [gradient] = gradients(b, { seeds: [seed, seed], wrt: [x] });
    assert.equal(gradient?.producer?.op, 'Add');
  });

  test('a target that is not floating-point is refused', () => {
    const { b, x, emitted } = sketch();
    const ids = b.input('ids', 'int64', [2]);
    const error = caught(() => emitted(b.reduceSum(b.gather(x, ids), [0], false), [ids]));
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, /"ids" is int64/);
  });

  test('a seed of an integer value, of another type, or of a shape that does not fit is refused', () => {
    const { b, x } = sketch();
    const ids = b.input('ids', 'int64', [2]);
    for (const [value, gradient] of [
      [ids, b.ints([1, 1])],
      [x, b.scalar(1, 'float64')],
      [x, b.input('wide', 'float32', [2, 3])],
      [x, b.input('long', 'float32', [4])],
    ] as const) {
      assert.equal(
        caught(() => gradients(b, { seeds: [{ value, gradient }], wrt: [x] })).code,
        'invalid_argument',
      );
    }
  });
});

describe('refusals', () => {
  test('an operator without a rule is named with the path from the loss to it', () => {
    const { b, x, w, emitted } = sketch();
    const odd = b.op('Hardmax', [b.mul(x, w)], {}, { name: 'odd' });
    const loss = b.op('ReduceSum', [b.exp(odd)], { keepdims: 0 }, { name: 'loss' });
    const error = caught(() => emitted(loss, [x]));
    assert.equal(error.code, 'unimplemented');
    assert.equal(error.reason, 'OPERATOR_NOT_DIFFERENTIABLE');
    assert.match(
      error.message,
      /^Operator Hardmax cannot be differentiated: there is no gradient rule for it\./,
    );
    assert.match(error.message, /path to it: "loss" \(ReduceSum\) <- "Exp" \(Exp\) <- "odd" \(Hardmax\)\.$/);
  });

  test('the middle of a long path is left out', () => {
    const { b, x, emitted } = sketch();
    let deep = b.op('Hardmax', [x]);
    for (let i = 0; i < 40; i++) deep = b.exp(deep);
    const { message } = caught(() => emitted(deep, [x]));
    assert.match(message, /<- \d+ more <-/);
    assert.ok(message.length < 1000);
  });

  test('a body that captures a target is refused, not taken for a constant', () => {
    const { b, x, emitted } = sketch();
    const body = (name: string, f: (inner: GraphBuilder) => Value) => {
      const inner = b.subgraph(name);
      inner.output(`${name}_out`, f(inner));
      return { graph: inner.graph() };
    };
    const chosen = b.op('If', [b.input('flag', 'bool', [])], {
      then_branch: body('then', (inner) => inner.exp(x)),
      else_branch: body('else', (inner) => inner.neg(x)),
    });
    assert.match(caught(() => emitted(chosen, [x])).message, /^Operator If cannot be differentiated/);
  });

  test('attributes, inputs and outputs that a rule does not cover are named', () => {
    const cases: readonly (readonly [(b: GraphBuilder, x: Value) => Value, RegExp])[] = [
      [(b, x) => b.op('Pad', [x, b.ints([1, 1])], { mode: 'reflect' }), /Pad .*mode "reflect"/],
      [(b, x) => b.op('Pad', [b.scalar(0), b.ints([]), b.reduceSum(x, [0], false)]), /Pad .*input 2/],
      [(b, x) => b.scatterElements(x, b.ints([0]), b.slice(x, 0, 0, 1), 0, 'mul'), /reduction "mul"/],
    ];
    for (const [build, message] of cases) {
      const { b, x, emitted } = sketch();
      assert.match(caught(() => emitted(build(b, x), [x])).message, message);
    }
    const { b, x, w, emitted } = sketch();
    const [, mean] = b.ops('LayerNormalization', [x, w], 3);
    assert.match(caught(() => emitted(mean!, [x])).message, /LayerNormalization .*output 1/);
  });

  test('a shape that is not static is named with its value', () => {
    const b = new GraphBuilder('free');
    const x = b.input('x', 'float32', ['batch', 3]);
    const loss = b.op('Tanh', [x], {}, { name: 'loss' });
    const error = caught(() => gradients(b, { seeds: [{ value: loss, gradient: b.scalar(1) }], wrt: [x] }));
    assert.equal(error.code, 'failed_precondition');
    assert.match(error.message, /"loss" is \[batch, 3\]/);
  });
});

test('equal graphs get equal bytes', () => {
  const encoded = () => {
    const { b, x, w } = sketch();
    const loss = b.reduceMean(b.logSoftmax(b.mul(b.add(x, w), x)), [0], false);
    const found = gradients(b, { seeds: [{ value: loss, gradient: b.scalar(1) }], wrt: [x, w] });
    for (const [i, gradient] of found.entries()) b.output(`gradient_${i}`, gradient!);
    return encodeModel(b.build());
  };
  assert.deepEqual(encoded(), encoded());
});

test('frozen operands cost nothing', () =>
  checkGradients({
    operands: [normal(2, 3), fixed(normal(3, 2))],
    build: (b, x, w) => b.matmul(x!, w!),
  }));

test('every operator that decoders need has a rule', () => {
  // The list of DESIGN: what exports of ten families of Hugging Face decoders use and must be differentiated.
  const needed =
    'Gather MatMul Gemm Add Sub Mul Div Neg Pow Sqrt Reciprocal ReduceMean ReduceSum Exp Log Erf Tanh Sigmoid Relu ' +
    'Softmax LayerNormalization Transpose Reshape Squeeze Unsqueeze Concat Split Slice Expand Where Cast Identity Cos Sin';
  const known = new Set(differentiableOperators());
  assert.deepEqual(
    needed.split(' ').filter((op) => !known.has(op)),
    [],
  );
});
