// Element types as ONNX Runtime numbers them, and the typed arrays that hold them.
import { DdkError } from '#base';
import type { DType, TensorArray } from '#onnx';

type ArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TensorArray;

interface ElementType {
  /** ONNXTensorElementDataType of onnxruntime_c_api.h. */
  readonly code: number;
  readonly bytes: number;
  readonly array: ArrayConstructor;
}

// float16 and bfloat16 travel as their bits, bool as one byte.
const elementTypes: Readonly<Partial<Record<DType, ElementType>>> = {
  float32: { code: 1, bytes: 4, array: Float32Array },
  uint8: { code: 2, bytes: 1, array: Uint8Array },
  int8: { code: 3, bytes: 1, array: Int8Array },
  uint16: { code: 4, bytes: 2, array: Uint16Array },
  int16: { code: 5, bytes: 2, array: Int16Array },
  int32: { code: 6, bytes: 4, array: Int32Array },
  int64: { code: 7, bytes: 8, array: BigInt64Array },
  bool: { code: 9, bytes: 1, array: Uint8Array },
  float16: { code: 10, bytes: 2, array: Uint16Array },
  float64: { code: 11, bytes: 8, array: Float64Array },
  uint32: { code: 12, bytes: 4, array: Uint32Array },
  uint64: { code: 13, bytes: 8, array: BigUint64Array },
  bfloat16: { code: 16, bytes: 2, array: Uint16Array },
};

/** The element type of `dtype`; strings have no memory layout to share and are refused (`unimplemented`). */
export function elementType(dtype: DType): ElementType {
  const found = elementTypes[dtype];
  if (!found) throw new DdkError('unimplemented', `tensors of ${dtype} cannot be passed to a session`);
  return found;
}

/** The inverse: ONNX Runtime's number to our name. */
export function dtypeOfCode(code: number): DType {
  if (code === 8) return 'string';
  for (const [dtype, type] of Object.entries(elementTypes)) {
    if (type?.code === code) return dtype as DType;
  }
  throw new DdkError('unimplemented', `ONNX Runtime's element type ${code} is not supported`);
}

/** Elements of a tensor with this shape; a scalar has one. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A zeroed array for `count` elements of `dtype`. */
export function allocateArray(dtype: DType, count: number): TensorArray {
  const { array, bytes } = elementType(dtype);
  return new array(new ArrayBuffer(count * bytes), 0, count);
}

/** Takes over `buffer` as the elements of `dtype`. */
export function arrayOver(dtype: DType, buffer: ArrayBufferLike): TensorArray {
  const { array, bytes } = elementType(dtype);
  return new array(buffer, 0, buffer.byteLength / bytes);
}

/** Whether `data` is the kind of array that holds `dtype`. */
export function holds(dtype: DType, data: TensorArray): boolean {
  return data instanceof elementType(dtype).array;
}
