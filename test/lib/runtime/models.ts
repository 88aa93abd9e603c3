// Small models for the runtime's tests.
import { type DType, encodeModel, GraphBuilder, type Shape, type TensorData, tensor } from '#onnx';

/** y = a * b, z = a + b over vectors of any one length. */
export function pairModel(shape: Shape = ['n']): Uint8Array {
  const b = new GraphBuilder('pair');
  const x = b.input('a', 'float32', shape);
  const y = b.input('b', 'float32', shape);
  b.output('product', b.mul(x, y));
  b.output('sum', b.add(x, y));
  return encodeModel(b.build());
}

/** y = x for one element type. */
export function identityModel(dtype: DType, shape: Shape): Uint8Array {
  const b = new GraphBuilder('identity');
  b.output('y', b.identity(b.input('x', dtype, shape)));
  return encodeModel(b.build());
}

/** x times itself `count` times over [size, size] matrices: takes about count * 2 * size^3 operations. */
export function slowModel(size: number, count: number): Uint8Array {
  const b = new GraphBuilder('slow');
  const x = b.input('x', 'float32', [size, size]);
  let y = x;
  for (let i = 0; i < count; i++) y = b.tanh(b.matmul(y, x));
  b.output('y', y);
  return encodeModel(b.build());
}

/** One output, an empty sequence: onnx.proto by hand, as our own graphs know tensors only. */
export function sequenceModel(): Uint8Array {
  const varint = (field: number, value: number) => [field << 3, value];
  const message = (field: number, ...parts: number[][]) => [
    (field << 3) | 2,
    parts.flat().length,
    ...parts.flat(),
  ];
  const text = (field: number, value: string) => message(field, [...Buffer.from(value)]);
  // TypeProto { sequence_type { elem_type { tensor_type { elem_type: FLOAT } } } }
  const type = message(2, message(4, message(1, message(1, varint(1, 1)))));
  const node = message(1, text(2, 'parts'), text(4, 'SequenceEmpty'));
  const graph = message(7, node, text(2, 'sequence'), message(12, text(1, 'parts'), type));
  return Uint8Array.from([...varint(1, 8), ...graph, ...message(8, varint(2, 18))]);
}

export function floats(...values: number[]): TensorData {
  return tensor('float32', [values.length], values);
}

export function square(size: number, value = 0.01): TensorData {
  return { dtype: 'float32', shape: [size, size], data: new Float32Array(size * size).fill(value) };
}
