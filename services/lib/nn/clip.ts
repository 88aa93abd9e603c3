// Global-norm clipping, as torch.nn.utils.clip_grad_norm_: the norm over all gradients together, and the factor for them.
import { elementCount, type GraphBuilder, type Value } from '#onnx';

/** sqrt of the sum of squares over all gradients, a scalar. One pass over each gradient. */
export function emitGlobalNorm(b: GraphBuilder, gradients: readonly Value[]): Value {
  const squares = gradients.map((gradient) => sumOfSquares(b, gradient));
  return b.sqrt(b.op('Sum', squares));
}

/** min(1, maxNorm / (norm + 1e-6)), a scalar to multiply every gradient with. A NaN norm gives a NaN factor. */
export function emitClipScale(b: GraphBuilder, norm: Value, maxNorm: number): Value {
  return b.minimum(b.div(b.scalar(maxNorm), b.add(norm, b.scalar(1e-6))), b.scalar(1));
}

// Reducing everything at once is the fast kernel, but it keeps few partial sums: beyond this many elements float32 would
// lose digits, so larger gradients are summed by rows first.
const MAX_ELEMENTS_AT_ONCE = 2 ** 22;

/** A scalar. */
function sumOfSquares(b: GraphBuilder, x: Value): Value {
  const axes = (x.shape ?? []).map((_, axis) => axis);
  const squares = (over: readonly number[]): Value =>
    b.op('ReduceSumSquare', [x, b.ints(over)], { keepdims: 0 });
  if (axes.length <= 1 || elementCount(x.shape as readonly number[]) <= MAX_ELEMENTS_AT_ONCE) {
    return squares(axes);
  }
  return b.reduceSum(squares(axes.slice(-1)), axes.slice(0, -1), false);
}
