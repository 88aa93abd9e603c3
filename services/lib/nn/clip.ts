// Global-norm clipping, as torch.nn.utils.clip_grad_norm_: the norm over all gradients together, and the factor for them.
import type { GraphBuilder, Value } from '#onnx';

/** sqrt of the sum of squares over all gradients, a scalar. Two passes over each gradient. */
export function emitGlobalNorm(b: GraphBuilder, gradients: readonly Value[]): Value {
  const squares = gradients.map((gradient) => sumOfSquares(b, gradient));
  const total = squares.length === 1 ? (squares[0] as Value) : b.reduceSum(b.concat(squares, 0), [0], false);
  return b.sqrt(b.reshape(total, []));
}

/** min(1, maxNorm / (norm + 1e-6)), a scalar to multiply every gradient with. A NaN norm gives a NaN factor. */
export function emitClipScale(b: GraphBuilder, norm: Value, maxNorm: number): Value {
  return b.minimum(b.div(b.scalar(maxNorm), b.add(norm, b.scalar(1e-6))), b.scalar(1));
}

/** [1] */
function sumOfSquares(b: GraphBuilder, x: Value): Value {
  const squares = b.op('ReduceSumSquare', [x, b.ints([-1])], { keepdims: 0 });
  const rank = x.shape?.length ?? 0;
  return rank <= 1
    ? b.reshape(squares, [1])
    : b.reshape(
        b.reduceSum(
          squares,
          Array.from({ length: rank - 1 }, (_, i) => i),
          false,
        ),
        [1],
      );
}
