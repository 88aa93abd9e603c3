// The two small layers everything is built from: a projection and RMSNorm.
import type { GraphBuilder, Value } from '#onnx';

/** Finds a parameter's value by its Hugging Face name. */
export type ParameterLookup = (name: string) => Value;

/** x [N, in] times W [out, in] transposed, plus a bias [out] if there is one: [N, out]. */
export function project(b: GraphBuilder, x: Value, weight: Value, bias: Value | null = null): Value {
  return b.gemm(x, weight, bias, { transB: true });
}

/** x / sqrt(mean(x^2) + eps) * weight over the last axis. */
export function rmsNorm(b: GraphBuilder, x: Value, weight: Value, eps: number): Value {
  const meanSquare = b.reduceMean(b.mul(x, x), [-1]);
  const scale = b.reciprocal(b.sqrt(b.add(meanSquare, b.scalarLike(eps, x))));
  return b.mul(b.mul(x, scale), weight);
}
