// Constant evaluation of arithmetic, comparisons, logic and small reductions. Only what IEEE 754 rounds correctly is
// computed on floats, so that folding never changes a result; 64-bit integers are computed as such.
import { allocate, type DType, isFloating } from '../dtype.js';
import type { TensorData } from '../ir.js';
import { numbersOf, reader, writer } from '../tensor.js';
import { broadcastStrides, type Evaluation, inputOf, positions } from './context.js';

interface BinaryFunction {
  readonly number: (a: number, b: number, floating: boolean) => number;
  readonly bigint: (a: bigint, b: bigint) => bigint;
}

const isWide = (dtype: DType): boolean => dtype === 'int64' || dtype === 'uint64';

class NotComputed extends Error {}

/** Integer results that do not fit are left to the runtime. */
function requireInteger(value: number): number {
  if (!Number.isSafeInteger(value)) throw new NotComputed();
  return value;
}

function requireRange(value: bigint, dtype: DType): bigint {
  const inRange = dtype === 'int64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (inRange !== value) throw new NotComputed();
  return value;
}

function requireNonZero<T extends number | bigint>(value: T): T {
  if (!value) throw new NotComputed();
  return value;
}

function smaller(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

const functions: Readonly<Record<string, BinaryFunction>> = {
  Add: { number: (a, b) => a + b, bigint: (a, b) => a + b },
  Sub: { number: (a, b) => a - b, bigint: (a, b) => a - b },
  Mul: { number: (a, b) => a * b, bigint: (a, b) => a * b },
  Div: {
    number: (a, b, floating) => (floating ? a / b : Math.trunc(a / requireNonZero(b))),
    bigint: (a, b) => a / requireNonZero(b),
  },
  Max: { number: (a, b) => Math.max(a, b), bigint: (a, b) => -smaller(-a, -b) },
  Min: { number: (a, b) => Math.min(a, b), bigint: smaller },
};

/** The sign of an integer remainder follows the divisor, or the dividend with fmod. */
const remainder = (fmod: boolean): BinaryFunction => ({
  number: (a, b, floating) => {
    const rest = a % (floating ? b : requireNonZero(b));
    return fmod || rest === 0 || rest < 0 === b < 0 ? rest : rest + b;
  },
  bigint: (a, b) => {
    const rest = a % requireNonZero(b);
    return fmod || rest === 0n || rest < 0n === b < 0n ? rest : rest + b;
  },
});

function applyBinary(
  f: BinaryFunction,
  a: TensorData,
  b: TensorData,
  dtype: DType,
  shape: readonly number[],
): TensorData {
  const atA = positions(shape, broadcastStrides(a.shape, shape));
  const atB = positions(shape, broadcastStrides(b.shape, shape));
  const data = allocate(dtype, atA.length);
  if (isWide(dtype)) {
    for (let i = 0; i < data.length; i++) {
      data[i] = requireRange(f.bigint(a.data[atA[i]!] as bigint, b.data[atB[i]!] as bigint), dtype) as never;
    }
    return { dtype, shape, data };
  }
  const read = reader(dtype);
  const write = writer(dtype);
  const floating = isFloating(dtype);
  for (let i = 0; i < data.length; i++) {
    const value = f.number(read(a.data[atA[i]!]!), read(b.data[atB[i]!]!), floating);
    data[i] = write(floating ? value : requireInteger(value));
  }
  return { dtype, shape, data };
}

function binary(name: string): Evaluation {
  return guarded((c) => {
    const { dtype, shape } = c.results[0]!;
    const f = functions[name]!;
    let sum = inputOf(c, 0);
    for (let i = 1; i < c.inputs.length; i++) {
      const next = inputOf(c, i);
      const partial = i + 1 === c.inputs.length ? shape : broadcastShape(sum.shape, next.shape);
      sum = applyBinary(f, sum, next, dtype, partial);
    }
    return sum;
  });
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    return x === 1 ? y : x;
  });
}

function guarded(evaluation: Evaluation): Evaluation {
  return (c) => {
    try {
      return evaluation(c);
    } catch (error) {
      // Overflow or division by zero: what happens then is the runtime's business.
      if (error instanceof NotComputed) return undefined;
      throw error;
    }
  };
}

const mod: Evaluation = guarded((c) => {
  const { dtype, shape } = c.results[0]!;
  return applyBinary(remainder(c.node.int('fmod', 0) !== 0), inputOf(c, 0), inputOf(c, 1), dtype, shape);
});

/** Integer powers of integers; on floats pow is not correctly rounded anywhere. */
const pow: Evaluation = guarded((c) => {
  const { dtype, shape } = c.results[0]!;
  const [base, exponent] = [inputOf(c, 0), inputOf(c, 1)];
  if (isFloating(dtype) || base.dtype !== exponent.dtype || numbersOf(exponent).some((n) => n < 0 || n > 64))
    return undefined;
  return applyBinary({ number: (a, b) => a ** b, bigint: (a, b) => a ** b }, base, exponent, dtype, shape);
});

/** Comparison on elements as they are; 16-bit floats by value. */
function comparison(test: (a: number | bigint, b: number | bigint) => boolean): Evaluation {
  return (c) => {
    const [a, b] = [inputOf(c, 0), inputOf(c, 1)];
    const { shape } = c.results[0]!;
    const read = isWide(a.dtype) ? (element: number | bigint) => element : reader(a.dtype);
    const atA = positions(shape, broadcastStrides(a.shape, shape));
    const atB = positions(shape, broadcastStrides(b.shape, shape));
    const data = Uint8Array.from(atA, (position, i) =>
      test(read(a.data[position]!), read(b.data[atB[i]!]!)) ? 1 : 0,
    );
    return { dtype: 'bool', shape, data };
  };
}

function unary(number: (x: number) => number, bigint: (x: bigint) => bigint): Evaluation {
  return guarded((c) => {
    const x = inputOf(c, 0);
    const { dtype, shape } = c.results[0]!;
    const data = allocate(dtype, x.data.length);
    const read = reader(dtype);
    const write = writer(dtype);
    for (let i = 0; i < data.length; i++) {
      data[i] = isWide(dtype)
        ? (requireRange(bigint(x.data[i] as bigint), dtype) as never)
        : write(number(read(x.data[i]!)));
    }
    return { dtype, shape, data };
  });
}

const floatOnly = (number: (x: number) => number): Evaluation => {
  const evaluation = unary(number, (x) => x);
  return (c) => (isFloating(c.results[0]!.dtype) ? evaluation(c) : undefined);
};

/** Reductions of integers; sums of floats depend on the order of additions and are left alone. */
function reduction(name: 'Add' | 'Mul' | 'Max' | 'Min', exactOnFloats: boolean): Evaluation {
  return guarded((c) => {
    const x = inputOf(c, 0);
    const { dtype, shape } = c.results[0]!;
    if ((isFloating(dtype) && !exactOnFloats) || x.data.length === 0) return undefined;
    const rank = x.shape.length;
    const axes = c.node.axes(1) ?? [];
    const reduced = new Set(
      (axes.length === 0 ? x.shape.map((_, i) => i) : axes).map((axis) => c.node.axis(axis, rank)),
    );
    if (axes.length === 0 && c.node.int('noop_with_empty_axes', 0) !== 0) return x;
    // Moving the reduced axes to the front makes every result a combination of whole slabs.
    const order = [...x.shape.keys()].sort(
      (a, b) => Number(reduced.has(b)) - Number(reduced.has(a)) || a - b,
    );
    const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((a, b) => a * b, 1));
    const moved = positions(
      order.map((i) => x.shape[i]!),
      order.map((i) => strides[i]!),
    );
    const size = shape.reduce((a, b) => a * b, 1);
    let total: TensorData = { dtype, shape: [size], data: allocate(dtype, size) };
    for (let slab = 0; slab * size < moved.length; slab++) {
      const part = allocate(dtype, size);
      for (let i = 0; i < size; i++) part[i] = x.data[moved[slab * size + i]!] as never;
      const next: TensorData = { dtype, shape: [size], data: part };
      total = slab === 0 ? next : applyBinary(functions[name]!, total, next, dtype, [size]);
    }
    return { dtype, shape, data: total.data };
  });
}

/** Running sums of integers along one axis. */
const cumSum: Evaluation = guarded((c) => {
  const x = inputOf(c, 0);
  const { dtype, shape } = c.results[0]!;
  if (isFloating(dtype) || c.node.int('exclusive', 0) !== 0 || c.node.int('reverse', 0) !== 0)
    return undefined;
  const axis = c.node.axis(numbersOf(inputOf(c, 1))[0]!, shape.length);
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const data = x.data.slice() as TensorData['data'];
  for (let i = 0; i < data.length; i++) {
    if (Math.floor(i / inner) % shape[axis]! === 0) continue;
    data[i] = (
      isWide(dtype)
        ? requireRange((data[i] as bigint) + (data[i - inner] as bigint), dtype)
        : requireInteger((data[i] as number) + (data[i - inner] as number))
    ) as never;
  }
  return { dtype, shape, data };
});

const logical = (test: (a: boolean, b: boolean) => boolean): Evaluation =>
  comparison((a, b) => test(Boolean(a), Boolean(b)));

const names = Object.keys(functions);

export const arithmeticEvaluations: Readonly<Record<string, Evaluation>> = {
  ...Object.fromEntries(names.map((name) => [name, binary(name)])),
  Mod: mod,
  Pow: pow,
  Equal: comparison((a, b) => a === b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  And: logical((a, b) => a && b),
  Or: logical((a, b) => a || b),
  Xor: logical((a, b) => a !== b),
  Not: (c) => ({
    ...inputOf(c, 0),
    data: Uint8Array.from(inputOf(c, 0).data as Uint8Array, (x) => (x ? 0 : 1)),
  }),
  Neg: unary(
    (x) => -x,
    (x) => -x,
  ),
  Abs: unary(Math.abs, (x) => (x < 0n ? -x : x)),
  Sqrt: floatOnly(Math.sqrt),
  Reciprocal: floatOnly((x) => 1 / x),
  Floor: floatOnly(Math.floor),
  Ceil: floatOnly(Math.ceil),
  ReduceSum: reduction('Add', false),
  ReduceProd: reduction('Mul', false),
  ReduceMax: reduction('Max', true),
  ReduceMin: reduction('Min', true),
  CumSum: cumSum,
};
