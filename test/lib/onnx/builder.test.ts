// Building graphs: names, outputs, constants, scopes, bodies, and the text form that shows them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import { checkModel, formatModel, GraphBuilder, inlineGraph, type Node, tensor, Value } from '#onnx';

const refusedAs = (message: RegExp) => (error: unknown) =>
  error instanceof DdkError && message.test(error.message);

test('a graph reads like what was built', () => {
  const b = new GraphBuilder('attention');
  const x = b.input('x', 'float32', ['batch', 4]);
  const w = b.constant(tensor('float32', [4, 3], new Array<number>(12).fill(0.5)), 'weight');
  const far = b.initializer('far', 'float32', [3], {
    location: 'model.safetensors',
    offset: 128,
    length: 12,
  });
  const y = b.scope('layer', () => b.add(b.mul(b.matmul(x, w), 0.1), far));
  const [values, indices] = b.topK(b.softmax(y), 2);
  b.output('values', values);
  b.output('indices', b.cast(indices, 'int32'));
  assert.equal(
    formatModel(b.build()),
    `model opset 18, ir 8
graph attention(x: float32[batch,4]) -> (values, indices) {
  weight: float32[4,3] = {...}
  far: float32[3] = @ model.safetensors + 128 : 12
  layer/MatMul: float32[batch,3] = MatMul(x, weight)
  layer/Mul: float32[batch,3] = Mul(layer/MatMul, float32{0.1})
  layer/Add: float32[batch,3] = Add(layer/Mul, far)
  Softmax: float32[batch,3] = Softmax(layer/Add) {axis=-1}
  values: float32[batch,2], TopK.1: int64[batch,2] = TopK(Softmax, int64[1]{2}) {axis=-1, largest=1, sorted=1}
  indices: int32[batch,2] = Cast(TopK.1) {to=6}
}
`,
  );
});

test('a body captures values of the graph around it and its names do not collide', () => {
  const b = new GraphBuilder('outer');
  const x = b.input('x', 'float32', [2]);
  const body = b.subgraph('body');
  body.input('i', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const sum = body.input('x', 'float32', [2]);
  body.output('condition', body.identity(condition));
  body.output('sum', body.add(sum, x));
  b.output('i', b.op('Loop', [b.scalar(3, 'int64'), null, x], { body: { graph: body.graph() } }));
  assert.equal(
    formatModel(b.build()),
    `model opset 18, ir 8
graph outer(x: float32[2]) -> (i) {
  i: float32[2] = Loop(int64{3}, _, x)
    body =
      graph body(body/i: int64, body/condition: bool, body/x: float32[2]) -> (body/condition_1, body/sum) {
        body/condition_1: bool = Identity(body/condition)
        body/sum: float32[2] = Add(body/x, x)
      }
}
`,
  );
});

test('equal constants are one value, and a bit of difference is enough for two', () => {
  const b = new GraphBuilder('constants');
  assert.equal(b.ints([1, 2]), b.ints([1, 2]));
  assert.equal(b.scalar(1), b.scalar(1));
  assert.notEqual(b.scalar(0), b.scalar(-0));
  assert.notEqual(b.scalar(1), b.scalar(1, 'float64'));
  assert.notEqual(b.constant(tensor('float32', [1, 2], [1, 2])), b.constant(tensor('float32', [2], [1, 2])));
});

test('an output is renamed where it can be, and copied where it cannot', () => {
  const b = new GraphBuilder('outputs');
  const x = b.input('x', 'float32', [2]);
  const y = b.neg(x);
  b.output('y', y);
  assert.equal(y.name, 'y');
  b.output('again', y);
  b.output('copy', x);
  b.output('one', b.scalar(1));
  const { graph } = b.build();
  assert.deepEqual(
    graph.outputs.map(({ name }) => name),
    ['y', 'again', 'copy', 'one'],
  );
  assert.equal(graph.nodes.filter(({ op }) => op === 'Identity').length, 3);
});

test('an output may take the name that an intermediate value has by chance', () => {
  const b = new GraphBuilder('names');
  const x = b.input('x', 'float32', [2]);
  const first = b.neg(x);
  const second = b.exp(first);
  b.output('Neg', second);
  assert.equal(second.name, 'Neg');
  assert.equal(first.name, 'Neg_1');
  checkModel(b.build());
});

test('mistakes in the use of the builder are refused where they are made', () => {
  const b = new GraphBuilder('one');
  const x = b.input('x', 'float32', [2]);
  const other = new GraphBuilder('two').input('y', 'float32', [2]);
  assert.throws(() => b.add(x, other), refusedAs(/"y" used by Add belongs to another graph than "one"/));
  assert.throws(() => b.input('x', 'float32', [1]), refusedAs(/"x" of an input is used twice/));
  assert.throws(() => b.input('', 'float32', [1]), refusedAs(/is empty/));
  assert.throws(() => b.add(1, 2), refusedAs(/Neither of 1 and 2/));
  assert.throws(() => b.build(), refusedAs(/declares no output/));
  assert.throws(() => b.op('Softmax', [x], { axis: 0.5 }), refusedAs(/must be an integer/));
  assert.throws(() => new GraphBuilder('old', { opset: 9 }), refusedAs(/Opset 9/));
});

test('reductions take their axes in the form of the operator set', () => {
  const nodeAt = (opset: number): Node => {
    const b = new GraphBuilder('reduce', { opset });
    b.reduceMean(b.input('x', 'float32', [2, 3]), [1]);
    return b.nodes[0]!;
  };
  assert.deepEqual([...nodeAt(17).attributes.keys()], ['axes', 'keepdims']);
  assert.equal(nodeAt(18).inputs.length, 2);
});

test('a model out of order is not well formed', () => {
  const b = new GraphBuilder('order');
  const x = b.input('x', 'float32', [2]);
  b.output('y', b.neg(b.exp(x)));
  const model = b.build();
  const reversed = { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes].reverse() } };
  assert.throws(() => checkModel(reversed), refusedAs(/Neg "Neg" uses "Exp" before it is made/));
});

test('an imported graph becomes part of another, with its weights replaced', () => {
  const inner = new GraphBuilder('inner');
  const x = inner.input('x', 'float32', ['n', 2]);
  const w = inner.constant(tensor('float32', [2, 2], [1, 0, 0, 1]), 'w');
  inner.output('y', inner.matmul(x, w));
  const outer = new GraphBuilder('outer');
  const input = outer.input('data', 'float32', [3, 2]);
  const weight = outer.input('trained', 'float32', [2, 2]);
  const results = inlineGraph(outer, inner.build().graph, {
    inputs: new Map([['x', input]]),
    initializer: (value) => (value.name === 'w' ? weight : undefined),
  });
  outer.output('out', outer.neg(results.get('y')!));
  assert.equal(
    formatModel(outer.build()),
    `model opset 18, ir 8
graph outer(data: float32[3,2], trained: float32[2,2]) -> (out) {
  y: float32[3,2] = MatMul(data, trained)
  out: float32[3,2] = Neg(y)
}
`,
  );
  assert.throws(
    () => inlineGraph(outer, inner.build().graph, { inputs: new Map() }),
    refusedAs(/needs a value for its input "x"/),
  );
});

test('the type of an unknown operator is asked for in vain, by name', () => {
  const value = new Value({ name: 'v', dtype: undefined, shape: undefined });
  assert.throws(() => value.dtype, refusedAs(/element type of value "v" is not known/));
});
