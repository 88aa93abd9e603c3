// The passes change how a graph computes, never what.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError } from '#base';
import {
  bindDimensions,
  checkModel,
  eliminateCommonSubexpressions,
  eliminateDeadNodes,
  encodeModel,
  foldConstants,
  formatModel,
  GraphBuilder,
  inferShapes,
  type Model,
  mergeReshapes,
  optimise,
  tensor,
  type Value,
} from '#onnx';
import { openRuntime } from '#runtime';
import { ramp } from './operator-cases.js';

const body = (model: Model): string =>
  formatModel(model)
    .split('\n')
    .slice(2, -2)
    .map((line) => line.trim())
    .join('\n');

test('operations on known values become constants, and shapes of known sizes too', () => {
  const b = new GraphBuilder('fold');
  const x = b.input('x', 'float32', ['batch', 4]);
  const shape = b.op('Shape', [x]);
  const width = b.gather(shape, b.ints([1]));
  const target = b.concat([b.ints([-1]), b.op('Div', [width, b.ints([2])])], 0);
  b.output('y', b.mul(b.op('Reshape', [x, target]), b.add(b.scalar(1), b.scalar(2))));
  assert.equal(
    body(eliminateDeadNodes(foldConstants(b.build()))),
    `Reshape: float32[2*batch,2] = Reshape(x, int64[2]{-1,2})
y: float32[2*batch,2] = Mul(Reshape, float32{3})`,
  );
});

test('folding keeps what overflows, divides by zero or is large', () => {
  const b = new GraphBuilder('keep');
  b.output('a', b.neg(b.div(b.ints([1]), b.ints([0]))));
  b.output('b', b.neg(b.mul(b.ints([2 ** 40]), b.ints([2 ** 40]))));
  b.output('c', b.neg(b.constantOfShape([4096, 4096], 1)));
  const kept = foldConstants(b.build()).graph.nodes.map(({ op }) => op);
  assert.deepEqual(kept, ['Div', 'Neg', 'Mul', 'Neg', 'ConstantOfShape', 'Neg']);
});

test('of reshapes in a row the last is left, and one to the shape a value has already goes', () => {
  const b = new GraphBuilder('reshapes');
  const x = b.input('x', 'float32', [2, 6]);
  const twice = b.reshape(b.reshape(x, [3, 4]), [12]);
  const backAgain = b.reshape(b.reshape(x, [4, 3]), [2, 6]);
  b.output('y', b.add(b.reshape(twice, [2, 6]), b.neg(backAgain)));
  assert.equal(
    body(optimise(b.build())),
    `Neg: float32[2,6] = Neg(x)
y: float32[2,6] = Add(x, Neg)`,
  );
});

test('a reshape that takes a size from what it reads keeps reading that', () => {
  const b = new GraphBuilder('zero');
  const x = b.input('x', 'float32', [2, 6]);
  b.output('y', b.reshape(b.reshape(x, [3, 4]), [0, 2, 2]));
  assert.equal(
    body(optimise(b.build())),
    `Reshape: float32[3,4] = Reshape(x, int64[2]{3,4})
y: float32[3,2,2] = Reshape(Reshape, int64[3]{0,2,2})`,
  );
});

test('equal computations are made once; different attributes are different computations', () => {
  const b = new GraphBuilder('cse');
  const x = b.input('x', 'float32', [2, 2]);
  const twice = b.add(b.softmax(x, 0), b.softmax(x, 0));
  const other = b.add(b.softmax(x, 1), b.identity(b.softmax(x, 0)));
  const casts = b.add(b.cast(b.cast(x, 'float64'), 'float32'), b.cast(b.cast(x, 'float16'), 'float32'));
  b.output('y', b.add(b.add(twice, other), casts));
  assert.equal(
    body(eliminateCommonSubexpressions(b.build())),
    `Softmax: float32[2,2] = Softmax(x) {axis=0}
Add: float32[2,2] = Add(Softmax, Softmax)
Softmax_2: float32[2,2] = Softmax(x) {axis=1}
Add_1: float32[2,2] = Add(Softmax_2, Softmax)
Cast: float64[2,2] = Cast(x) {to=11}
Cast_1: float32[2,2] = Cast(Cast) {to=1}
Cast_2: float16[2,2] = Cast(x) {to=10}
Cast_3: float32[2,2] = Cast(Cast_2) {to=1}
Add_2: float32[2,2] = Add(Cast_1, Cast_3)
Add_3: float32[2,2] = Add(Add, Add_1)
y: float32[2,2] = Add(Add_3, Add_2)`,
  );
});

test('outputs keep their names even where they are equal', () => {
  const b = new GraphBuilder('outputs');
  const x = b.input('x', 'float32', [2]);
  b.output('first', b.neg(x));
  b.output('second', b.neg(x));
  b.output('third', b.identity(b.neg(x)));
  const model = optimise(b.build());
  assert.deepEqual(
    model.graph.outputs.map(({ name }) => name),
    ['first', 'second', 'third'],
  );
  checkModel(model);
});

test('weights are neither folded nor taken for each other, constants that are equal are', () => {
  const b = new GraphBuilder('weights');
  const x = b.input('x', 'float32', [2, 4]);
  const [bias, other] = ['bias', 'other'].map((name) =>
    b.constant(tensor('float32', [4], [0, 0, 0, 0]), name),
  );
  const [one, two] = ['one', 'two'].map((name) => b.constant(tensor('int64', [1], [4]), name));
  const table = (length: Value): Value => b.cast(b.op('ConstantOfShape', [length]), 'float32');
  const tables = b.add(b.add(x, table(one!)), table(two!));
  b.output('y', b.add(b.add(tables, b.unsqueeze(bias!, [0])), other!));
  assert.equal(
    body(optimise(b.build())),
    `Add: float32[2,4] = Add(x, float32[4]{0,0,0,0})
Add_1: float32[2,4] = Add(Add, float32[4]{0,0,0,0})
Unsqueeze: float32[1,4] = Unsqueeze(float32[4]{0,0,0,0}, int64[1]{0})
Add_2: float32[2,4] = Add(Add_1, Unsqueeze)
y: float32[2,4] = Add(Add_2, float32[4]{0,0,0,0})`,
  );
  const kept = [...optimise(b.build()).graph.initializers.keys()].map(({ name }) => name);
  assert.deepEqual(kept, ['bias', 'other', 'const', 'ConstantOfShape']);
});

test('random numbers are not common subexpressions', () => {
  const b = new GraphBuilder('random');
  const x = b.input('x', 'float32', [2]);
  const draw = (): Value =>
    b.emit(
      { op: 'RandomNormalLike', domain: '', inputs: [x], attributes: new Map(), outputCount: 1 },
      undefined,
      [{ dtype: 'float32', shape: [2] }],
    )[0]!;
  b.output('y', b.add(draw(), draw()));
  assert.equal(eliminateCommonSubexpressions(b.build()).graph.nodes.length, 3);
});

test('dead nodes go, also inside bodies, and what a body captures lives', () => {
  const b = new GraphBuilder('dead');
  const x = b.input('x', 'float32', [2]);
  const captured = b.exp(x);
  const onlyDead = b.log(x);
  b.tanh(x);
  const loop = b.subgraph('loop');
  loop.input('i', 'int64', []);
  const condition = loop.input('condition', 'bool', []);
  const sum = loop.input('sum', 'float32', [2]);
  loop.sin(onlyDead);
  loop.output('condition', loop.identity(condition));
  loop.output('sum', loop.add(sum, captured));
  b.output('y', b.op('Loop', [b.scalar(2, 'int64'), null, x], { body: { graph: loop.graph() } }));
  const model = eliminateDeadNodes(b.build());
  assert.deepEqual(
    model.graph.nodes.map(({ op }) => op),
    ['Exp', 'Loop'],
  );
  assert.doesNotMatch(formatModel(model), /Sin/);
  checkModel(model);
});

test('a body uses what the graph around it has computed already', () => {
  const b = new GraphBuilder('around');
  const x = b.input('x', 'float32', [2]);
  const outside = b.exp(x);
  const loop = b.subgraph('loop');
  loop.input('i', 'int64', []);
  const condition = loop.input('condition', 'bool', []);
  const sum = loop.input('sum', 'float32', [2]);
  loop.output('condition', loop.identity(condition));
  loop.output('sum', loop.add(sum, loop.mul(loop.exp(x), loop.add(loop.scalar(1), 2))));
  b.output(
    'y',
    b.add(outside, b.op('Loop', [b.scalar(2, 'int64'), null, x], { body: { graph: loop.graph() } })),
  );
  const text = formatModel(optimise(b.build()));
  assert.equal(text.match(/= Exp\(/g)?.length, 1);
  assert.match(text, /Mul\(Exp, float32\{3\}\)/);
});

test('binding free sizes lets shape computations fold away', () => {
  const b = new GraphBuilder('bind');
  const x = b.input('x', 'float32', ['batch', 'sequence', 4]);
  const dims = b.op('Shape', [x]);
  const part = (i: number): Value => b.gather(dims, b.ints([i]));
  b.output('y', b.op('Reshape', [x, b.concat([part(0), part(1), b.ints([2, 2])], 0)]));
  const model = optimise(bindDimensions(b.build(), { batch: 2, sequence: 3 }));
  assert.equal(
    formatModel(model),
    `model opset 18, ir 8
graph bind(x: float32[2,3,4]) -> (y) {
  y: float32[2,3,2,2] = Reshape(x, int64[4]{2,3,2,2})
}
`,
  );
  assert.throws(
    () => bindDimensions(model, { batch: 2 }),
    (error) => error instanceof DdkError && /no free dimension "batch"; it has none/.test(error.message),
  );
});

test('passes leave the model they were given as it was', () => {
  const b = new GraphBuilder('pure');
  const x = b.input('x', 'float32', ['n']);
  b.output('y', b.add(b.neg(x), b.neg(x)));
  const model = b.build();
  const before = formatModel(model);
  optimise(bindDimensions(model, { n: 4 }));
  inferShapes(model);
  assert.equal(formatModel(model), before);
});

test('random graphs compute the same bits after every pass', async () => {
  const runtime = await openRuntime();
  const shape = [2, 3];
  const x = ramp('float32', shape);
  try {
    const choices = fc.array(fc.tuple(fc.nat(8), fc.nat(), fc.nat()), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(choices, async (steps) => {
        const model = randomModel(steps, shape);
        const run = async (candidate: Model): Promise<unknown> => {
          checkModel(candidate);
          const session = await runtime.createSession(encodeModel(candidate), {
            provider: 'cpu',
            threads: 1,
            optimisation: 'disabled',
          });
          const result = await session.run({ x });
          await session.close();
          return result;
        };
        const expected = await run(model);
        for (const pass of [
          foldConstants,
          eliminateCommonSubexpressions,
          eliminateDeadNodes,
          mergeReshapes,
          optimise,
        ]) {
          assert.deepEqual(await run(pass(model)), expected);
        }
      }),
      { numRuns: 30, seed: 18 },
    );
  } finally {
    await runtime.close();
  }
});

/** Each step applies one operator to earlier values, chosen by the numbers. */
function randomModel(steps: readonly (readonly [number, number, number])[], shape: readonly number[]): Model {
  const b = new GraphBuilder('random');
  const values: Value[] = [b.input('x', 'float32', shape), b.scalar(0.5), b.constant(ramp('float32', [3]))];
  for (const [choice, i, j] of steps) {
    const p = values[i % values.length]!;
    const q = values[j % values.length]!;
    const results = [
      () => b.add(p, q),
      () => b.mul(p, q),
      () => b.sub(p, q),
      () => b.neg(p),
      () => b.identity(p),
      () => b.reduceMax(p, p.shape!.length === 0 ? [] : [-1]),
      () => b.where(b.less(p, q), p, q),
      () => b.cast(b.cast(p, 'float16'), 'float32'),
      () => b.expand(p, shape),
      () => b.reshape(p, [-1]),
      () => b.reshape(b.reshape(p, [-1, 1]), p.shape as readonly number[]),
    ];
    values.push(results[choice]!());
  }
  b.output('last', values.at(-1)!);
  b.output('middle', values[Math.floor(values.length / 2)]!);
  return b.build();
}
