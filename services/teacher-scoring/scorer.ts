// Scores batches of windows: pads them to a session's shape, runs one at a time, packs what comes out.
//
// Shapes: B rows, T positions, V vocabulary, K kept entries.
import { assert, createTurns, type Report, reported } from '#base';
import { scoringFeeds } from '#model';
import type { TensorData } from '#onnx';
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
  readonly report: Report;
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
    const windows = Array.from({ length: rows }, (_, row) =>
      ids.subarray(row * (length + 1), (row + 1) * (length + 1)),
    );
    const labels = output.kind === 'label_log_probs';
    const feeds = scoringFeeds(windows, { batch: bucket, length, labels });
    const score = async () => {
      const session = await sessions.get({ rows: bucket, length, output });
      const startedMs = performance.now();
      const outputs = await session.run(feeds, signal === undefined ? {} : { signal });
      return { outputs, durationMs: performance.now() - startedMs };
    };
    return reported(score(), report);
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
