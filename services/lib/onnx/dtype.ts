// Element types: their width, the typed array that carries them, and their numbers in the file format.
import { DdkError } from '#base';

export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

/** What carries the elements. float16 and bfloat16 travel as their bits, bool as 0 and 1. */
export type TensorArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint32Array
  | BigUint64Array;

interface ArrayClass {
  new (length: number): TensorArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TensorArray;
}

interface DTypeFacts {
  readonly bytes: number;
  readonly array: ArrayClass;
  /** TensorProto.DataType */
  readonly code: number;
}

type FixedWidth = Exclude<DType, 'string'>;

const facts: Readonly<Record<FixedWidth, DTypeFacts>> = {
  float32: { bytes: 4, array: Float32Array, code: 1 },
  uint8: { bytes: 1, array: Uint8Array, code: 2 },
  int8: { bytes: 1, array: Int8Array, code: 3 },
  uint16: { bytes: 2, array: Uint16Array, code: 4 },
  int16: { bytes: 2, array: Int16Array, code: 5 },
  int32: { bytes: 4, array: Int32Array, code: 6 },
  int64: { bytes: 8, array: BigInt64Array, code: 7 },
  bool: { bytes: 1, array: Uint8Array, code: 9 },
  float16: { bytes: 2, array: Uint16Array, code: 10 },
  float64: { bytes: 8, array: Float64Array, code: 11 },
  uint32: { bytes: 4, array: Uint32Array, code: 12 },
  uint64: { bytes: 8, array: BigUint64Array, code: 13 },
  bfloat16: { bytes: 2, array: Uint16Array, code: 16 },
};

const STRING_CODE = 8;

const byCode: ReadonlyMap<number, DType> = new Map<number, DType>([
  ...Object.entries(facts).map(([dtype, { code }]) => [code, dtype as DType] as const),
  [STRING_CODE, 'string'],
]);

function factsOf(dtype: DType): DTypeFacts {
  if (dtype === 'string') {
    throw new DdkError(
      'unimplemented',
      'Elements of type string have no fixed width; ddk carries numbers only.',
    );
  }
  return facts[dtype];
}

/** Bytes of one element. */
export function dtypeBytes(dtype: DType): number {
  return factsOf(dtype).bytes;
}

/** The number that stands for this type in TensorProto.DataType. */
export function dtypeCode(dtype: DType): number {
  return dtype === 'string' ? STRING_CODE : facts[dtype].code;
}

/** The inverse of {@link dtypeCode}; undefined for complex, 8-bit float, 4-bit and unknown types. */
export function dtypeFromCode(code: number): DType | undefined {
  return byCode.get(code);
}

/** A zeroed array of `length` elements. */
export function allocate(dtype: DType, length: number): TensorArray {
  return new (factsOf(dtype).array)(length);
}

/** The elements in little-endian `bytes`; a view where alignment allows it, a copy otherwise. */
export function viewBytes(dtype: DType, bytes: Uint8Array): TensorArray {
  const { array, bytes: width } = factsOf(dtype);
  const aligned = bytes.byteOffset % width === 0;
  const source = aligned ? bytes : bytes.slice();
  return new array(source.buffer, source.byteOffset, Math.floor(source.byteLength / width));
}

/** The bytes of an array, as a view. */
export function bytesOf(data: TensorArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** True where `data` is the kind of array that carries `dtype`. */
export function carries(dtype: DType, data: TensorArray): boolean {
  return dtype !== 'string' && data instanceof facts[dtype].array;
}

export function isFloating(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}
