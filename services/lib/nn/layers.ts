// The two small layers everything is built from: a projection and RMSNorm, the latter in two forms.
import type { GraphBuilder, Value } from '#onnx';

/** Finds a parameter's value by its Hugging Face name. */
export type ParameterLookup = (name: string) => Value;

/** x [N, in] times W [out, in] transposed, plus a bias [out] if there is one: [N, out]. */
export function project(b: GraphBuilder, x: Value, weight: Value, bias: Value | null = null): Value {
  return b.gemm(x, weight, bias, { transB: true });
}

/** x / sqrt(mean(x^2) + eps) * weight over the last axis. */
export type RmsNorm = (b: GraphBuilder, x: Value, weight: Value, eps: number) => Value;

/** In standard operators. */
export const plainRmsNorm: RmsNorm = (b, x, weight, eps) => {
  const meanSquare = b.reduceMean(b.mul(x, x), [-1]);
  const scale = b.reciprocal(b.sqrt(b.add(meanSquare, b.scalarLike(eps, x))));
  return b.mul(b.mul(x, scale), weight);
};

/** As one pass, by ONNX Runtime's own operator (CPU and CUDA); its second output, 1 / sqrt(...), spares the gradient a pass. */
export const fusedRmsNorm: RmsNorm = (b, x, weight, eps) =>
  b.ops('SimplifiedLayerNormalization', [x, weight], 2, { axis: -1, epsilon: { float: eps } })[0] as Value;
