// Reading models: what was written comes back, and nothing in a hostile file does harm.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError, type ErrorCode } from '#base';
import {
  type AttrInput,
  decodeModel,
  encodeModel,
  formatModel,
  type Graph,
  GraphBuilder,
  type Model,
  tensor,
} from '#onnx';
import { ModelProto } from '#proto/onnx/onnx';

function sampleModel(): Model {
  const b = new GraphBuilder('sample');
  const x = b.input('x', 'float32', ['batch', '?', 4]);
  const w = b.constant(tensor('float32', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]), 'w');
  const far = b.initializer('far', 'bfloat16', [2], { location: 'weights/a.bin', offset: 64, length: 4 });
  const body = b.subgraph('body');
  body.input('i', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const carried = body.input('carried', 'float32', ['batch', '?', 2]);
  body.output('condition', body.identity(condition));
  body.output('carried', body.add(carried, b.cast(far, 'float32')));
  const y = b.op('Loop', [b.scalar(2, 'int64'), null, b.matmul(x, w)], { body: { graph: body.graph() } });
  b.output('y', b.op('LeakyRelu', [y], { alpha: { float: 0.25 } }));
  b.output('empty', b.constant(tensor('float32', [0], [])));
  return b.build();
}

const refusal = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DdkError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  return true;
};

/** The sample's bytes after a change to the decoded message. */
function changed(change: (proto: ModelProto) => void): Uint8Array {
  const proto = ModelProto.decode(encodeModel(sampleModel()));
  change(proto);
  return ModelProto.encode(proto).finish();
}

test('a model comes back as it was written, byte for byte', () => {
  const model = sampleModel();
  const bytes = encodeModel(model);
  const again = decodeModel(bytes);
  assert.equal(formatModel(again), formatModel(model));
  assert.deepEqual(Buffer.from(encodeModel(again)), Buffer.from(bytes));
});

test('every kind of attribute and element type comes back', () => {
  const b = new GraphBuilder('kinds');
  const attrs: Record<string, AttrInput> = {
    i: -3,
    f: { float: 0.5 },
    s: 'é',
    is: [1, -2],
    fs: { floats: [1.5] },
    ss: { strings: ['a', ''] },
    t: tensor('int8', [2], [-1, 1]),
    zero: 0,
  };
  const x = b.input('x', 'float32', [1]);
  for (const dtype of [
    'float64',
    'float16',
    'bfloat16',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'bool',
  ] as const) {
    b.output(`out_${dtype}`, b.constant(tensor(dtype, [2], [1, 0]), dtype));
  }
  b.output('y', b.op('Neg', [x], attrs));
  const model = b.build();
  const again = decodeModel(encodeModel(model));
  assert.deepEqual(again.graph.nodes.at(-1)!.attributes, model.graph.nodes.at(-1)!.attributes);
  const data = (graph: Graph): unknown[] => [...graph.initializers.values()];
  assert.deepEqual(data(again.graph), data(model.graph));
});

test('tensors written as lists of numbers are read like raw ones', () => {
  const bytes = changed((proto) => {
    const w = proto.graph!.initializer.find(({ name }) => name === 'w')!;
    w.rawData = Buffer.alloc(0);
    w.floatData = [1, 2, 3, 4, 5, 6, 7, 8];
  });
  assert.deepEqual(Buffer.from(encodeModel(decodeModel(bytes))), Buffer.from(encodeModel(sampleModel())));
});

test('nodes out of order are sorted and cycles are refused by name', () => {
  const reversed = changed((proto) => proto.graph!.node.reverse());
  assert.equal(decodeModel(reversed).graph.nodes.length, sampleModel().graph.nodes.length);
  const cyclic = changed((proto) => {
    const node = proto.graph!.node.find(({ opType }) => opType === 'MatMul')!;
    node.input[0] = 'y';
  });
  assert.throws(() => decodeModel(cyclic), refusal('invalid_argument', /cycle through .*MatMul "MatMul"/));
});

test('a long chain of nodes, in reverse, is read without deep recursion', () => {
  const b = new GraphBuilder('chain');
  let x = b.input('x', 'float32', [1]);
  for (let i = 0; i < 20_000; i++) x = b.neg(x);
  b.output('y', x);
  const proto = ModelProto.decode(encodeModel(b.build()));
  proto.graph!.node.reverse();
  proto.graph!.valueInfo = [];
  assert.equal(decodeModel(ModelProto.encode(proto).finish()).graph.nodes.length, 20_000);
});

/** A length-delimited protobuf field. */
function field(number: number, payload: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = payload.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), payload]);
}

test('graphs nested too deep are refused before they are read', () => {
  let graph: Uint8Array = new Uint8Array(0);
  // GraphProto.node = 1, NodeProto.attribute = 5, AttributeProto.g = 6; ModelProto.graph = 7.
  for (let depth = 0; depth < 3000; depth++) graph = field(1, field(5, field(6, graph)));
  assert.throws(
    () => decodeModel(field(7, graph)),
    refusal('invalid_argument', /nests graphs more than 8 deep/),
  );
});

test('sizes that the file does not back up are refused before memory is taken for them', () => {
  const huge = (dims: bigint[]) =>
    changed((proto) => {
      proto.graph!.initializer[0]!.dims = dims;
    });
  assert.throws(
    () => decodeModel(huge([2n ** 40n, 4n])),
    refusal('data_loss', /holds 32 bytes and its shape asks for/),
  );
  assert.throws(
    () => decodeModel(huge([2n ** 40n, 2n ** 40n])),
    refusal('invalid_argument', /more elements than can be counted/),
  );
  assert.throws(() => decodeModel(huge([-1n])), refusal('invalid_argument', /dimension of -1/));
  assert.throws(() => decodeModel(huge([2n ** 62n])), refusal('invalid_argument', /dimension of/));
  assert.throws(
    () => decodeModel(huge(new Array<bigint>(100).fill(1n))),
    refusal('invalid_argument', /100 dimensions/),
  );
  assert.throws(
    () => decodeModel(new Uint8Array(100), { maxBytes: 50 }),
    refusal('invalid_argument', /limit is 50/),
  );
  assert.throws(
    () => decodeModel(encodeModel(sampleModel()), { maxMessages: 10 }),
    refusal('invalid_argument', /more than 10 parts/),
  );
});

test('external data that leaves the folder of the model is refused', () => {
  const at = (location: string, facts: Record<string, string> = {}) =>
    changed((proto) => {
      const far = proto.graph!.initializer.find(({ name }) => name === 'far')!;
      far.externalData = Object.entries({ location, ...facts }).map(([key, value]) => ({ key, value }));
    });
  for (const location of ['../secret', '/etc/passwd', 'a/../../b', 'a\0b', '.']) {
    assert.throws(() => decodeModel(at(location)), refusal('invalid_argument', /Path /));
  }
  assert.throws(() => decodeModel(at('')), refusal('invalid_argument', /does not say in which/));
  for (const offset of ['-1', '1e3', '99999999999999999999', 'x']) {
    assert.throws(
      () => decodeModel(at('w', { offset })),
      refusal('invalid_argument', /must be a number of bytes/),
    );
  }
  assert.throws(
    () => decodeModel(at('w', { length: '5' })),
    refusal('data_loss', /holds 5 bytes and its shape asks for 4/),
  );
});

test('what ddk would misunderstand is refused by name', () => {
  const cases: [(proto: ModelProto) => void, RegExp][] = [
    [(p) => p.functions.push(Buffer.from([0x0a, 0x00])), /model-local functions/],
    [(p) => p.trainingInfo.push(Buffer.alloc(0)), /training information/],
    [(p) => p.graph!.sparseInitializer.push(Buffer.alloc(0)), /sparse initializers/],
    [
      (p) => {
        p.graph!.node[0]!.overload = 'x';
      },
      /overloaded functions/,
    ],
    [
      (p) => {
        p.graph!.initializer[0]!.dataType = 14;
      },
      /element type number 14/,
    ],
    [
      (p) => {
        p.graph!.input[0]!.type = { value: { $case: 'sequenceType', value: Buffer.alloc(0) } };
      },
      /sequences/,
    ],
    [
      (p) => {
        p.irVersion = 99n;
      },
      /IR version 99/,
    ],
    [
      (p) => {
        p.opsetImport = [{ domain: '', version: 40n }];
      },
      /opset 40/,
    ],
  ];
  for (const [change, message] of cases)
    assert.throws(() => decodeModel(changed(change)), refusal('unimplemented', message));
  // Field 99, length-delimited, empty.
  const extended = Buffer.concat([encodeModel(sampleModel()), Buffer.from([0x9a, 0x06, 0x00])]);
  assert.throws(() => decodeModel(extended), refusal('unimplemented', /ModelProto has an unknown field 99/));
});

test('names that are missing, double or dangling are refused', () => {
  const cases: [(proto: ModelProto) => void, RegExp][] = [
    [
      (p) => {
        p.graph = undefined;
      },
      /holds no graph/,
    ],
    [
      (p) => {
        p.opsetImport = [];
      },
      /which version/,
    ],
    [
      (p) => {
        p.graph!.node[0]!.input[0] = 'nowhere';
      },
      /uses "nowhere", which nothing makes/,
    ],
    [
      (p) => {
        p.graph!.node[0]!.output[0] = 'x';
      },
      /two values have the name "x"/,
    ],
    [
      (p) => {
        p.graph!.output[0]!.name = 'nowhere';
      },
      /output "nowhere" .* is made by no node/,
    ],
  ];
  for (const [change, message] of cases)
    assert.throws(() => decodeModel(changed(change)), refusal('invalid_argument', message));
});

test('an operator of another domain is read, with the type the file declares', () => {
  const bytes = changed((proto) => {
    const relu = proto.graph!.node.find(({ opType }) => opType === 'LeakyRelu')!;
    relu.domain = 'org.example';
    relu.opType = 'Mystery';
  });
  const model = decodeModel(bytes);
  assert.match(formatModel(model), /y: float32\[batch,\?,2\] = org\.example\.Mystery\(Loop\)/);
});

test('random bytes are never a model and never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(
        () => decodeModel(bytes),
        (error) => error instanceof DdkError,
      );
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('a damaged model is read or refused, never a crash', () => {
  const original = encodeModel(sampleModel());
  const damage = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, fc.nat(original.length), (edits, cut) => {
      const bytes = original.slice(0, edits.length % 2 === 0 ? cut : original.length);
      for (const [at, value] of edits) bytes[at] = value;
      try {
        formatModel(decodeModel(bytes));
      } catch (error) {
        assert.ok(error instanceof DdkError, error instanceof Error ? error.stack : String(error));
      }
    }),
    { numRuns: 1500, seed: 2 },
  );
});
