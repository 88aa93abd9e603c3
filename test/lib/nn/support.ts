// Runs a small graph through ONNX Runtime, and reads the golden fixtures.
import { readFileSync } from 'node:fs';
import { encodeModel, GraphBuilder, type TensorData, type Value } from '#onnx';
import { openRuntime } from '#runtime';

/** Builds a graph with named outputs and computes it once on one thread. */
export async function evaluate(
  build: (b: GraphBuilder) => Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, TensorData>>,
): Promise<Record<string, number[]>> {
  const b = new GraphBuilder('test');
  for (const [name, value] of Object.entries(build(b))) b.output(name, value);
  const runtime = await openRuntime('c-api');
  const session = await runtime.createSession(encodeModel(b.build()), { provider: 'cpu', threads: 1 });
  try {
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)]),
    );
  } finally {
    await session.close();
    await runtime.close();
  }
}

export function floats(shape: readonly number[], values: Iterable<number>): TensorData {
  return { dtype: 'float32', shape, data: Float32Array.from(values) };
}

export function ids(shape: readonly number[], values: readonly number[]): TensorData {
  return { dtype: 'int64', shape, data: BigInt64Array.from(values, BigInt) };
}

/** A JSON file of test/fixtures/nn; tests run from the repository's root. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(`test/fixtures/nn/${name}`, 'utf8')) as T;
}

/** Largest |a - b|; NaN where any element is. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Number.NaN;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

export function norm(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
