// Compares the gradients that #autodiff emits with differences of the function itself, both run by ONNX Runtime.
//
// The function under test is made a scalar by weighting every element of its outputs with a fixed random number; then
// every element of every differentiated input is moved up and down and the scalar's change is compared.
import assert from 'node:assert/strict';
import { gradients } from '#autodiff';
import { keyedNormals, keyedPermutation } from '#base';
import {
  type DType,
  elementCount,
  encodeModel,
  GraphBuilder,
  isFloating,
  numbersOf,
  type TensorData,
  tensor,
  type Value,
} from '#onnx';
import { openRuntime, type Session } from '#runtime';

/** An input of the function: what to fill it with, and whether it is differentiated. */
export interface Operand {
  readonly shape: readonly number[];
  readonly values: (index: number) => number[];
  /** The case's type unless given. */
  readonly dtype?: DType;
  /** False for indices, masks, and inputs that should stay constant. Default: true for floating types. */
  readonly differentiated?: boolean;
}

export interface GradientCase {
  readonly operands: readonly Operand[];
  readonly build: (b: GraphBuilder, ...inputs: Value[]) => Value | readonly Value[];
  /** Default float64; float32 only where the CPU has no float64 kernel. */
  readonly dtype?: 'float64' | 'float32';
  readonly opset?: number;
  /** Largest |analytic - numeric| over max(1, largest |numeric|). Default by type, see {@link precisions}. */
  readonly bound?: number;
}

interface Precision {
  readonly step: number;
  readonly bound: number;
}

/**
 * The four-point difference is off by step^4 f^(5) / 30 plus about 3 rounding errors of f over the step.
 *
 * float64: (1/1024)^4 / 30 = 3e-14 and 3e-16 * 1024 = 3e-13; the bound leaves room for f^(5) and |f| of a few thousand.
 * float32: (1/32)^4 / 30 = 3e-8 and 3 * 6e-8 * 32 = 6e-6, for |f| of about 1 and f^(5) of about 100.
 */
const precisions: Readonly<Record<'float64' | 'float32', Precision>> = {
  float64: { step: 1 / 1024, bound: 1e-9 },
  float32: { step: 1 / 32, bound: 2e-5 },
};

/** (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h, exact for polynomials of degree 4 (Fornberg 1988). */
const stencil = [
  { offset: -2, weight: 1 / 12 },
  { offset: -1, weight: -8 / 12 },
  { offset: 1, weight: 8 / 12 },
  { offset: 2, weight: -1 / 12 },
] as const;

const SEED = 7;

/** Standard normal numbers. */
export function normal(...shape: number[]): Operand {
  return { shape, values: (index) => draws(shape, index) };
}

/** Numbers from 0.5 up. */
export function positive(...shape: number[]): Operand {
  return { shape, values: (index) => draws(shape, index).map((value) => 0.5 + Math.abs(value)) };
}

/** Numbers away from zero and from each other, also from those of other operands: no step crosses a kink. */
export function apart(...shape: number[]): Operand {
  const count = elementCount(shape);
  const values = (index: number) => {
    const order = keyedPermutation(count, SEED, 'test/apart', index);
    return Array.from({ length: count }, (_, i) => (order(i) - count / 2) * 0.5 + 0.1 + 0.06 * index);
  };
  return { shape, values };
}

/** Exactly these numbers. */
export function exactly(shape: readonly number[], values: readonly number[], dtype?: DType): Operand {
  return { shape, values: () => [...values], ...(dtype === undefined ? {} : { dtype }) };
}

/** The same operand, not differentiated. */
export function fixed(operand: Operand): Operand {
  return { ...operand, differentiated: false };
}

function draws(shape: readonly number[], index: number): number[] {
  return [...keyedNormals(SEED, `test/operand/${index}`, elementCount(shape), 1)];
}

/** @throws AssertionError naming the input and the element where analytic and numeric gradient differ most */
export async function checkGradients(check: GradientCase): Promise<void> {
  const dtype = check.dtype ?? 'float64';
  const feeds = check.operands.map((operand, index) =>
    tensor(operand.dtype ?? dtype, operand.shape, operand.values(index)),
  );
  const moving = check.operands.flatMap(({ differentiated }, index) =>
    (differentiated ?? true) && isFloating(feeds[index]!.dtype) ? [index] : [],
  );
  const session = await load(graphOf(check, feeds, moving));
  try {
    const analytic = await session.run(named(feeds));
    const { step, bound } = precisions[dtype];
    for (const index of moving) {
      const numeric = await differences(session, feeds, index, step);
      compare(`input ${index}`, numbersOf(analytic[`gradient_${index}`]!), numeric, check.bound ?? bound);
    }
  } finally {
    await session.close();
  }
}

/** Inputs x_0, x_1...; outputs `scalar` and gradient_i for every moving input. */
function graphOf(check: GradientCase, feeds: readonly TensorData[], moving: readonly number[]): Uint8Array {
  const b = new GraphBuilder('check', check.opset === undefined ? {} : { opset: check.opset });
  const inputs = feeds.map((feed, index) => b.input(`x_${index}`, feed.dtype, feed.shape));
  const built = check.build(b, ...inputs);
  const outputs = Array.isArray(built) ? (built as readonly Value[]) : [built as Value];
  const seeds = outputs.map((value, index) => ({ value, gradient: projection(b, value, index) }));
  const parts = seeds.map(({ value, gradient }) => {
    const weighted = b.cast(b.mul(value, gradient), 'float64');
    return b.reduceSum(weighted, [...value.shape!.keys()], false);
  });
  b.output(
    'scalar',
    parts.reduce((sum, part) => b.add(sum, part)),
  );
  const found = gradients(b, { seeds, wrt: moving.map((index) => inputs[index]!) });
  for (const [order, index] of moving.entries()) {
    const gradient = found[order];
    assert.ok(gradient, `input ${index} has no gradient`);
    assert.deepEqual(gradient.shape, feeds[index]!.shape, `shape of the gradient of input ${index}`);
    b.output(`gradient_${index}`, gradient);
  }
  return encodeModel(b.build());
}

function projection(b: GraphBuilder, value: Value, index: number): Value {
  const shape = value.shape as readonly number[];
  const weights = keyedNormals(SEED, `test/projection/${index}`, elementCount(shape), 1);
  return b.constant(tensor(value.dtype, shape, weights));
}

async function differences(
  session: Session,
  feeds: readonly TensorData[],
  index: number,
  step: number,
): Promise<number[]> {
  const { dtype, shape } = feeds[index]!;
  const centre = numbersOf(feeds[index]!);
  const slopes: number[] = [];
  for (const element of centre.keys()) {
    let slope = 0;
    for (const { offset, weight } of stencil) {
      const moved = [...centre];
      moved[element]! += offset * step;
      const at = feeds.map((feed, i) => (i === index ? tensor(dtype, shape, moved) : feed));
      const { scalar } = await session.run(named(at), { outputs: ['scalar'] });
      slope += (weight * numbersOf(scalar!)[0]!) / step;
    }
    slopes.push(slope);
  }
  return slopes;
}

function compare(what: string, analytic: readonly number[], numeric: readonly number[], bound: number): void {
  const scale = Math.max(1, ...numeric.map(Math.abs));
  for (const [element, expected] of numeric.entries()) {
    const actual = analytic[element]!;
    const error = Math.abs(actual - expected) / scale;
    assert.ok(
      error <= bound,
      `gradient of ${what}, element ${element}: analytic ${actual}, numeric ${expected}, off by ${error.toExponential(2)} of ${scale.toPrecision(3)} (bound ${bound})`,
    );
  }
}

function named(feeds: readonly TensorData[]): Record<string, TensorData> {
  return Object.fromEntries(feeds.map((feed, index) => [`x_${index}`, feed]));
}

const runtime = openRuntime('c-api');

async function load(model: Uint8Array): Promise<Session> {
  return (await runtime).createSession(model, { provider: 'cpu', threads: 1, optimisation: 'disabled' });
}
