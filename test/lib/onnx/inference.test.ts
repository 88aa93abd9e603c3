// Shape inference and constant evaluation against what ONNX Runtime computes, and shape inference with free sizes.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import {
  encodeModel,
  evaluateConstant,
  evaluatedOperators,
  GraphBuilder,
  inferOutputs,
  knownOperators,
  type TensorData,
  Value,
} from '#onnx';
import { openRuntime } from '#runtime';
import { caseName, type OperatorCase, operatorCases } from './operator-cases.js';

/** The case as a model of one node. Integer operands stay constant so that inference sees them; others are inputs. */
function modelOf(operatorCase: OperatorCase): {
  bytes: Uint8Array;
  outputs: Value[];
  feeds: Record<string, TensorData>;
} {
  const b = new GraphBuilder('one');
  const feeds: Record<string, TensorData> = {};
  const inputs = operatorCase.inputs.map((x, i) => {
    if (x === null) return null;
    if (x.dtype === 'int64' || operatorCase.op === 'Range') return b.constant(x, `constant${i}`);
    feeds[`input${i}`] = x;
    return b.input(`input${i}`, x.dtype, x.shape);
  });
  const outputs = b.ops(operatorCase.op, inputs, operatorCase.outputs ?? 1, operatorCase.attrs);
  outputs.forEach((output, i) => {
    b.output(`output${i}`, output);
  });
  return { bytes: encodeModel(b.build()), outputs, feeds };
}

test('every operator has the element types and shapes that ONNX Runtime gives it, and folds to its bits', async () => {
  const runtime = await openRuntime();
  const compared = new Set<string>();
  try {
    for (const operatorCase of operatorCases) {
      const name = caseName(operatorCase);
      const { bytes, outputs, feeds } = modelOf(operatorCase);
      const session = await runtime.createSession(bytes, {
        provider: 'cpu',
        threads: 1,
        optimisation: 'disabled',
      });
      const results = await session.run(feeds);
      await session.close();
      const facts = {
        op: operatorCase.op,
        domain: '',
        attributes: outputs[0]!.producer!.attributes,
        outputCount: outputs.length,
      };
      const folded = evaluateConstant(facts, operatorCase.inputs);
      outputs.forEach((output, i) => {
        const result = results[`output${i}`]!;
        assert.equal(output.dtype, result.dtype, `${name}: type of output ${i}`);
        assert.deepEqual(output.shape, [...result.shape], `${name}: shape of output ${i}`);
        if (folded !== undefined) {
          compared.add(operatorCase.op);
          assert.deepEqual([...folded[i]!.shape], [...result.shape], `${name}: shape of folded output ${i}`);
          assert.deepEqual(folded[i]!.data, result.data, `${name}: elements of folded output ${i}`);
        }
      });
    }
  } finally {
    await runtime.close();
  }
  assert.deepEqual(
    evaluatedOperators().filter((op) => !compared.has(op)),
    [],
  );
});

test('every operator that ddk emits or differentiates has a rule and a case', () => {
  const required = [
    ...[
      'Add',
      'Sub',
      'Mul',
      'Div',
      'MatMul',
      'Gemm',
      'Transpose',
      'Reshape',
      'Squeeze',
      'Unsqueeze',
      'Expand',
      'Concat',
    ],
    ...[
      'Split',
      'Slice',
      'Gather',
      'GatherElements',
      'GatherND',
      'ScatterElements',
      'ScatterND',
      'ReduceSum',
      'ReduceMean',
    ],
    ...[
      'ReduceMax',
      'Softmax',
      'LogSoftmax',
      'TopK',
      'Where',
      'Cast',
      'Equal',
      'Less',
      'Greater',
      'And',
      'Or',
      'Not',
      'Pow',
    ],
    ...[
      'Erf',
      'Tanh',
      'Sigmoid',
      'Relu',
      'Sin',
      'Cos',
      'Reciprocal',
      'LayerNormalization',
      'Identity',
      'Shape',
      'Constant',
    ],
    ...[
      'ConstantOfShape',
      'Range',
      'Trilu',
      'CumSum',
      'Max',
      'Min',
      'Sum',
      'Clip',
      'Abs',
      'Sign',
      'Floor',
      'Loop',
      'Pad',
    ],
    ...['Tile', 'OneHot', 'ArgMax', 'IsNaN', 'IsInf', 'Mod', 'Neg', 'Flatten', 'Exp', 'Log', 'Sqrt'],
  ];
  const known = new Set(knownOperators());
  const tried = new Set(operatorCases.map(({ op }) => op));
  assert.deepEqual(
    required.filter((op) => !known.has(op)),
    [],
  );
  assert.deepEqual(
    required.filter((op) => !tried.has(op)),
    [],
  );
});

test('free sizes keep their names through a decoder-like graph', () => {
  const b = new GraphBuilder('free');
  const x = b.input('x', 'float32', ['batch', 'sequence', 8]);
  const flat = b.reshape(x, [-1, 8]);
  assert.deepEqual(flat.shape, ['batch*sequence', 8]);
  const w = b.input('w', 'float32', [8, 6]);
  assert.deepEqual(b.matmul(x, w).shape, ['batch', 'sequence', 6]);
  const heads = b.transpose(b.reshape(x, [0, 0, 2, 4]), [0, 2, 1, 3]);
  assert.deepEqual(heads.shape, ['batch', 2, 'sequence', 4]);
  assert.deepEqual(b.matmul(heads, b.transpose(heads, [0, 1, 3, 2])).shape, [
    'batch',
    2,
    'sequence',
    'sequence',
  ]);
  assert.deepEqual(b.add(x, b.input('bias', 'float32', [1, 1, 8])).shape, ['batch', 'sequence', 8]);
  assert.deepEqual(b.reduceSum(x, [-1], false).shape, ['batch', 'sequence']);
  assert.deepEqual(b.slice(x, 1, -1, Number.MAX_SAFE_INTEGER).shape, ['batch', '?', 8]);
});

test('a shape that the graph computes keeps the names of the sizes it was taken from', () => {
  const b = new GraphBuilder('computed');
  const ids = b.input('ids', 'int64', ['batch', 'sequence']);
  const x = b.input('x', 'float32', ['batch', 'sequence', 8]);
  const shape = b.op('Shape', [ids]);
  const batch = b.slice(shape, 0, 0, 1);
  const last = b.gather(shape, b.scalar(-1, 'int64'), 0);
  const sequence = b.cast(b.unsqueeze(last, [0]), 'int64');
  const reshaped = (...parts: Value[]): unknown => b.op('Reshape', [x, b.concat(parts, 0)]).shape;
  assert.deepEqual(reshaped(shape, b.ints([2, 4])), ['batch', 'sequence', 2, 4]);
  assert.deepEqual(reshaped(sequence, b.mul(batch, b.ints([2])), b.ints([-1])), ['sequence', '2*batch', 4]);
  assert.deepEqual(reshaped(b.op('Shape', [x], { start: 1 }), b.ints([-1])), ['sequence', 8, 'batch']);
  const backwards = b.op('Slice', [shape, ...[[1], [-9], [0], [-1]].map((n) => b.ints(n))]);
  assert.deepEqual(reshaped(backwards, b.ints([8])), ['sequence', 'batch', 8]);
  assert.deepEqual(b.op('ConstantOfShape', [shape]).shape, ['batch', 'sequence']);
  const row = b.input('row', 'float32', [1, 8]);
  assert.deepEqual(b.op('Expand', [row, b.concat([sequence, b.ints([8])], 0)]).shape, ['sequence', 8]);
  assert.deepEqual(b.op('Tile', [row, b.concat([batch, b.ints([3])], 0)]).shape, ['batch', 24]);
});

test('of a computed shape, a size that cannot be followed is unknown and the others are not', () => {
  const b = new GraphBuilder('partly');
  const x = b.input('x', 'float32', ['batch', 'sequence', 8]);
  const given = b.input('given', 'int64', [1]);
  const batch = b.slice(b.op('Shape', [x]), 0, 0, 1);
  const reshaped = (...parts: Value[]): unknown => b.op('Reshape', [x, b.concat(parts, 0)]).shape;
  assert.deepEqual(reshaped(batch, given), ['batch', '?']);
  assert.deepEqual(reshaped(batch, given, b.ints([-1])), ['batch', '?', '?']);
  // 5 as a truth value is 1, and half a size is none.
  assert.deepEqual(reshaped(b.cast(b.cast(batch, 'bool'), 'int64'), b.ints([8])), ['?', 8]);
  assert.deepEqual(reshaped(b.mul(batch, b.ints([-2])), b.ints([8])), ['?', 8]);
  const endless = b.input('endless', 'int64', ['many']);
  assert.equal(b.op('Reshape', [x, endless]).shape, undefined);
});

test('a computed shape in which every size is made of all before it is given up, not followed for ever', () => {
  const b = new GraphBuilder('doubling');
  const x = b.input('x', 'float32', ['batch']);
  let size = b.op('Shape', [x]);
  for (let i = 0; i < 64; i++) size = b.mul(size, size);
  assert.deepEqual(b.op('Reshape', [x, size]).shape, ['?']);
});

test('two sizes that nothing is known about are not taken for equal', () => {
  const b = new GraphBuilder('unknown');
  const x = b.input('x', 'float32', ['?', 2]);
  const y = b.input('y', 'float32', ['?', 2]);
  assert.deepEqual(b.add(x, y).shape, ['?', 2]);
});

test('a mistake names the operator, its operands and the problem', () => {
  const b = new GraphBuilder('wrong');
  const x = b.input('x', 'float32', [2, 3]);
  const y = b.input('y', 'float32', [4, 5]);
  const z = b.input('z', 'int64', [2, 3]);
  const refuses = (make: () => unknown, message: RegExp): void => {
    assert.throws(
      make,
      (error) =>
        error instanceof DdkError && error.code === 'invalid_argument' && message.test(error.message),
    );
  };
  refuses(
    () => b.matmul(x, y),
    /^MatMul\(float32\[2,3\] "x", float32\[4,5\] "y"\): inner dimensions 3 and 4 differ\.$/,
  );
  refuses(() => b.add(x, y), /shapes \[2,3\] and \[4,5\] do not broadcast/);
  refuses(() => b.add(x, z), /float32 and int64 differ/);
  refuses(() => b.reshape(x, [4, 2]), /another number of elements/);
  refuses(() => b.reshape(x, [4, -1]), /does not divide/);
  refuses(() => b.reduceSum(x, [2]), /axis 2 is outside a rank of 2/);
  refuses(() => b.transpose(x, [0, 0]), /not a permutation/);
  refuses(() => b.topK(x, 4), /k is 4 but axis 1 has size 3/);
  refuses(() => b.concat([x, y], 0), /sizes 3 and 5 of axis 1 differ/);
  refuses(() => b.split(x, 1, [1, 1]), /do not add up to 3/);
  refuses(() => b.gather(x, x), /indices must be int64 or int32, not float32/);
});

test('an operator without a rule is refused by name', () => {
  const x = new Value({ name: 'x', dtype: 'float32', shape: [1] });
  const facts = {
    op: 'Frobnicate',
    domain: 'org.example',
    inputs: [x],
    attributes: new Map(),
    outputCount: 1,
  };
  assert.throws(
    () => inferOutputs(facts),
    (error) =>
      error instanceof DdkError &&
      error.code === 'unimplemented' &&
      /org\.example\.Frobnicate/.test(error.message),
  );
});
