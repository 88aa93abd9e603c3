// Windows as the inputs of a scoring graph.
//
// Shapes: B rows of the graph, T positions.
import { assert } from '#base';
import { type TensorData, tensorOver } from '#onnx';

/**
 * `windows` of T + 1 ids each, at most B of them: the first T go in as input_ids, the last T as labels where the graph's head
 * asks for them. Rows beyond the windows repeat the last one; what comes of them is to be dropped.
 */
export function scoringFeeds(
  windows: readonly ArrayLike<number>[],
  { batch, length, labels }: { readonly batch: number; readonly length: number; readonly labels: boolean },
): Record<string, TensorData> {
  assert(windows.length >= 1 && windows.length <= batch, `${windows.length} windows for ${batch} rows`);
  const shifted_BT = (by: 0 | 1): TensorData => {
    const ids = new BigInt64Array(batch * length);
    for (let row = 0; row < batch; row += 1) {
      const window = windows[Math.min(row, windows.length - 1)]!;
      for (let t = 0; t < length; t += 1) ids[row * length + t] = BigInt(window[t + by]!);
    }
    return tensorOver('int64', [batch, length], ids);
  };
  return labels ? { input_ids: shifted_BT(0), labels: shifted_BT(1) } : { input_ids: shifted_BT(0) };
}
