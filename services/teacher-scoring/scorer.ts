// Scores batches of windows: pads them to a session's shape, runs one at a time, packs what comes out.
//
// Shapes: B rows, T positions, V vocabulary, K kept entries.
import { assert, createTurns, DdkError } from '#base';
import { type TensorData, tensorOver } from '#onnx';
import { encodeTargets } from '#targets';
import { metrics, spans, withSpan } from '#telemetry';
import type { Output, ScoringRequest } from './scoring-request.js';
import { rowBucket, type Sessions } from './sessions.js';

export interface ScoredBatch {
  readonly payload: Uint8Array;
  /** Wall time in the session. */
  readonly durationMs: number;
}

export interface Scorer {
  /**
   * Scores rows of T + 1 ids, [rows * (T + 1)]. Batches wait for each other in the order they came; with one or two of
   * every stream waiting, streams take turns.
   */
  score(request: ScoringRequest, rows: number, ids: Int32Array, signal?: AbortSignal): Promise<ScoredBatch>;
  close(): Promise<void>;
}

export interface ScorerOptions {
  readonly sessions: Sessions;
  readonly vocabSize: number;
  /** Told after every run whether the session works. */
  readonly report: (error: DdkError | undefined) => void;
}

export function createScorer({ sessions, vocabSize, report }: ScorerOptions): Scorer {
  const takeTurn = createTurns();

  const run = async (
    { output, length }: ScoringRequest,
    rows: number,
    ids: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<{ outputs: Record<string, TensorData>; durationMs: number }> => {
    const bucket = rowBucket(rows);
    const feeds = feedsOf(output, ids, rows, bucket, length);
    try {
      const session = await sessions.get({ rows: bucket, length, output });
      const startedMs = performance.now();
      const outputs = await session.run(feeds, signal === undefined ? {} : { signal });
      report(undefined);
      return { outputs, durationMs: performance.now() - startedMs };
    } catch (thrown) {
      const error = DdkError.from(thrown);
      report(error);
      throw error;
    }
  };

  return {
    close: () => takeTurn(() => sessions.close()),
    async score(request, rows, ids, signal) {
      const { output, length } = request;
      const encoding = output.kind === 'targets' ? output.encoding.kind : output.kind;
      const { outputs, durationMs } = await takeTurn(() => {
        signal?.throwIfAborted();
        const attributes = { 'ddk.rows': rows, 'ddk.length': length, 'ddk.encoding': encoding };
        return withSpan(spans.scoreBatch, attributes, () => run(request, rows, ids, signal));
      });
      metrics.teacherPositions.add(rows * length, { encoding });
      metrics.teacherScoreDuration.record(durationMs / 1000, { encoding });
      // Packed outside of the turn, while the next batch is in the session.
      return { payload: pack(output, outputs, rows * length, vocabSize), durationMs };
    },
  };
}

function feedsOf(
  output: Output,
  ids: Int32Array,
  rows: number,
  bucket: number,
  length: number,
): Record<string, TensorData> {
  const inputs = new BigInt64Array(bucket * length);
  const labels = new BigInt64Array(bucket * length);
  const width = length + 1;
  for (let row = 0; row < bucket; row += 1) {
    // Rows beyond the last repeat it; what comes of them is dropped.
    const from = Math.min(row, rows - 1) * width;
    for (let t = 0; t < length; t += 1) {
      inputs[row * length + t] = BigInt(ids[from + t]!);
      labels[row * length + t] = BigInt(ids[from + t + 1]!);
    }
  }
  const inputIds_BT = tensorOver('int64', [bucket, length], inputs);
  if (output.kind === 'targets') return { input_ids: inputIds_BT };
  return { input_ids: inputIds_BT, labels: tensorOver('int64', [bucket, length], labels) };
}

/** The first `positions` of what came out, as they travel. */
function pack(
  output: Output,
  outputs: Readonly<Record<string, TensorData>>,
  positions: number,
  vocabSize: number,
): Uint8Array {
  if (output.kind === 'label_log_probs') {
    const values = floats(outputs, 'label_log_probs').subarray(0, positions);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
  const { encoding } = output;
  switch (encoding.kind) {
    case 'dense_f16': {
      const logProbs = floats(outputs, 'log_probs').subarray(0, positions * vocabSize);
      return encodeTargets({ kind: 'dense_f16', positions, vocabSize, logProbs }, vocabSize);
    }
    case 'top_k': {
      const { k } = encoding;
      const ids = outputs.ids?.data;
      assert(ids instanceof Int32Array, 'the ids of a scoring session are int32');
      const logProbs = floats(outputs, 'log_probs').subarray(0, positions * k);
      return encodeTargets(
        { kind: 'top_k', positions, k, ids: ids.subarray(0, positions * k), logProbs },
        vocabSize,
      );
    }
  }
}

function floats(outputs: Readonly<Record<string, TensorData>>, name: string): Float32Array {
  const data = outputs[name]?.data;
  assert(data instanceof Float32Array, `the output ${name} of a scoring session is float32`);
  return data;
}
