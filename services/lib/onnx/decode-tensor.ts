// TensorProto to TensorData, or to the place of its bytes in another file.
import { DdkError, resolveInside } from '#base';
import { TensorProto_DataLocation as Location, type TensorProto } from '#proto/onnx/onnx';
import { allocate, type DType, dtypeBytes, dtypeFromCode, viewBytes } from './dtype.js';
import type { ExternalData, TensorData } from './ir.js';
import { elementCount } from './tensor.js';

/** More dimensions than any operator takes. */
export const MAX_RANK = 64;

export interface DecodedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly where: TensorData | ExternalData;
}

/** @throws DdkError naming the tensor and what is wrong with it */
export function decodeTensor(proto: TensorProto, what: string): DecodedTensor {
  const dtype = decodeDType(proto.dataType, what);
  if (proto.dims.length > MAX_RANK)
    throw new DdkError(
      'invalid_argument',
      `${what} has ${proto.dims.length} dimensions; at most ${MAX_RANK} are supported.`,
    );
  const shape = proto.dims.map((dim) => {
    if (dim < 0n || dim > BigInt(Number.MAX_SAFE_INTEGER))
      throw new DdkError('invalid_argument', `${what} has a dimension of ${dim}.`);
    return Number(dim);
  });
  const count = elementCount(shape);
  if (proto.dataLocation === Location.EXTERNAL) {
    return { dtype, shape, where: decodeExternal(proto, count * dtypeBytes(dtype), what) };
  }
  return { dtype, shape, where: { dtype, shape, data: decodeElements(proto, dtype, count, what) } };
}

/** @throws DdkError unimplemented for types ddk does not carry */
export function decodeDType(code: number, what: string): DType {
  const dtype = dtypeFromCode(code);
  if (dtype === undefined)
    throw new DdkError(
      'unimplemented',
      `${what} has element type number ${code}, which ddk does not support.`,
    );
  return dtype;
}

function decodeElements(proto: TensorProto, dtype: DType, count: number, what: string): TensorData['data'] {
  if (dtype === 'string')
    throw new DdkError('unimplemented', `${what} holds strings; ddk carries numbers only.`);
  const list = listFor(proto, dtype);
  if (list.length > 0) {
    if (list.length !== count) throw wrongLength(what, list.length, count, 'elements');
    const data = allocate(dtype, count);
    // Assigning to a typed array wraps modulo its width, which is what the format's wider carriers mean.
    for (let i = 0; i < count; i++) data[i] = list[i] as never;
    return data;
  }
  const bytes = count * dtypeBytes(dtype);
  if (proto.rawData.length !== bytes) throw wrongLength(what, proto.rawData.length, bytes, 'bytes');
  return viewBytes(dtype, proto.rawData);
}

function listFor(proto: TensorProto, dtype: Exclude<DType, 'string'>): readonly (number | bigint)[] {
  switch (dtype) {
    case 'float32':
      return proto.floatData;
    case 'float64':
      return proto.doubleData;
    case 'int64':
      return proto.int64Data;
    case 'uint64':
      return proto.uint64Data;
    case 'uint32':
      return proto.uint64Data.map(Number);
    case 'float16':
    case 'bfloat16':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'bool':
      return proto.int32Data;
  }
}

function wrongLength(what: string, found: number, expected: number, unit: string): DdkError {
  return new DdkError(
    'data_loss',
    `${what} holds ${found} ${unit} and its shape asks for ${expected}; the file is damaged.`,
  );
}

function decodeExternal(proto: TensorProto, bytes: number, what: string): ExternalData {
  const facts = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = facts.get('location') ?? '';
  if (location === '')
    throw new DdkError('invalid_argument', `${what} is in another file but does not say in which.`);
  // The model's folder is not known here; that the path stays below it can be told from the path alone.
  resolveInside('/model', location);
  const offset = facts.has('offset') ? integer(facts.get('offset')!, `The offset of ${what}`) : 0;
  const length = facts.has('length') ? integer(facts.get('length')!, `The length of ${what}`) : bytes;
  if (length !== bytes) throw wrongLength(what, length, bytes, 'bytes');
  return { location, offset, length };
}

function integer(text: string, what: string): number {
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw new DdkError(
      'invalid_argument',
      `${what} in its external file is ${JSON.stringify(text.slice(0, 40))}; it must be a number of bytes.`,
    );
  }
  return value;
}
