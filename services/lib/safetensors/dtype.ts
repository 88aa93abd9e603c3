// The element types a safetensors file may name, their sizes, and which of them weights may have.
import { DdkError } from '#base';

/** Bytes an element, by the format's name of the type. Types smaller than a byte are not supported. */
const bytesByDtype = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

export type SafetensorsDtype = keyof typeof bytesByDtype;

export const safetensorsDtypes = Object.keys(bytesByDtype) as readonly SafetensorsDtype[];

export function isSafetensorsDtype(name: string): name is SafetensorsDtype {
  return Object.hasOwn(bytesByDtype, name);
}

/** Bytes of one element. */
export function dtypeByteLength(dtype: SafetensorsDtype): number {
  return bytesByDtype[dtype];
}

const weightDtypes = ['F32', 'F16', 'BF16'] as const;

/** Types whose values are all float32 values. */
export type WeightDtype = (typeof weightDtypes)[number];

/** The element type of a tensor that is to be used as float32. Throws `invalid_argument` for one that cannot be. */
export function weightDtype({ name, dtype }: { name: string; dtype: SafetensorsDtype }): WeightDtype {
  const found = weightDtypes.find((known) => known === dtype);
  if (found !== undefined) return found;
  throw new DdkError(
    'invalid_argument',
    `Tensor ${JSON.stringify(name)} has element type ${dtype}; convert it to F32, F16 or BF16.`,
  );
}
