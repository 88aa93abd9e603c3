// Small helpers around TensorData: making it from numbers, reading it as numbers, comparing it.
import {
  bfloat16FromFloat,
  DdkError,
  floatFromBfloat16,
  floatFromHalf,
  halfFromFloat,
  sha256Hex,
} from '#base';
import { allocate, bytesOf, carries, type DType } from './dtype.js';
import type { Dim, TensorData } from './ir.js';

/** Product of the sizes. @throws DdkError invalid_argument for a symbolic or negative size or a product past 2^53 */
export function elementCount(shape: readonly Dim[]): number {
  let count = 1;
  for (const dim of shape) {
    if (typeof dim === 'string' || !Number.isSafeInteger(dim) || dim < 0) {
      throw new DdkError(
        'invalid_argument',
        `Shape [${shape.join(', ')}] has no element count: dimension ${dim} is not a size.`,
      );
    }
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) {
    throw new DdkError(
      'invalid_argument',
      `Shape [${shape.join(', ')}] has more elements than can be counted.`,
    );
  }
  return count;
}

/** A tensor from ordinary numbers, converted to `dtype`. */
export function tensor(dtype: DType, shape: readonly number[], values: ArrayLike<number>): TensorData {
  const count = elementCount(shape);
  if (count !== values.length) {
    throw new DdkError(
      'invalid_argument',
      `Shape [${shape.join(', ')}] holds ${count} elements, not ${values.length}.`,
    );
  }
  const data = allocate(dtype, count);
  const write = writer(dtype);
  for (let i = 0; i < count; i++) data[i] = write(values[i]!);
  return { dtype, shape, data };
}

export function scalarTensor(dtype: DType, value: number): TensorData {
  return tensor(dtype, [], [value]);
}

/** int64 [n] */
export function intsTensor(values: readonly number[]): TensorData {
  return { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** A tensor over an existing array. @throws DdkError invalid_argument when array, type and shape disagree */
export function tensorOver(dtype: DType, shape: readonly number[], data: TensorData['data']): TensorData {
  const count = elementCount(shape);
  if (!carries(dtype, data) || data.length !== count) {
    throw new DdkError(
      'invalid_argument',
      `A ${dtype} tensor of shape [${shape.join(', ')}] cannot lie over ${data.constructor.name}(${data.length}).`,
    );
  }
  return { dtype, shape, data };
}

/** Elements as ordinary numbers. int64 values past 2^53 are rounded. */
export function numbersOf(t: TensorData): number[] {
  const read = reader(t.dtype);
  const out = new Array<number>(t.data.length);
  for (let i = 0; i < out.length; i++) out[i] = read(t.data[i]!);
  return out;
}

/** How an element of this type becomes a number. */
export function reader(dtype: DType): (element: number | bigint) => number {
  if (dtype === 'float16') return (element) => floatFromHalf(Number(element));
  if (dtype === 'bfloat16') return (element) => floatFromBfloat16(Number(element));
  return Number;
}

/** How a number becomes an element of this type. Integers truncate and saturate at 64 bits; narrower ones wrap. */
export function writer(dtype: DType): (value: number) => never {
  const convert = (value: number): number | bigint => {
    switch (dtype) {
      case 'float16':
        return halfFromFloat(value);
      case 'bfloat16':
        return bfloat16FromFloat(value);
      case 'bool':
        return value !== 0 ? 1 : 0;
      case 'int64':
        return toBigInt(value, -(2n ** 63n), 2n ** 63n - 1n);
      case 'uint64':
        return toBigInt(value, 0n, 2n ** 64n - 1n);
      case 'float32':
      case 'float64':
        return value;
      case 'int8':
      case 'int16':
      case 'int32':
      case 'uint8':
      case 'uint16':
      case 'uint32':
        return Math.trunc(value);
      case 'string':
        throw new DdkError('unimplemented', 'A number cannot become a string element.');
    }
  };
  // The element type of a union of typed arrays is the intersection number & bigint; the caller's array matches dtype.
  return convert as (value: number) => never;
}

function toBigInt(value: number, min: bigint, max: bigint): bigint {
  if (Number.isNaN(value)) return 0n;
  if (value >= Number(max)) return max;
  if (value <= Number(min)) return min;
  return BigInt(Math.trunc(value));
}

/** Equal keys are equal tensors (type, shape and bits). */
export function contentKey(t: TensorData): string {
  const bytes = bytesOf(t.data);
  const body = bytes.length <= 64 ? Buffer.from(bytes).toString('hex') : sha256Hex(bytes);
  return `${t.dtype}[${t.shape.join(',')}]${body}`;
}
