// Whether an exported model computes what the model it was made from computes.
import { DdkError } from '#base';
import type { TensorData } from '#onnx';
import type { Runtime, SessionOptions } from '#runtime';
import type { ModelFolder } from './folder.js';
import { scoringModel } from './scoring.js';

export interface Parity {
  /** Largest absolute difference of a logit, over all positions. */
  readonly maxAbsoluteDifference: number;
  /** Share of positions whose most probable token is the same. */
  readonly sameArgMax: number;
}

/**
 * Runs the exported graph and the scoring graph on the same ids.
 *
 * @param options.onnxPath model.onnx of the export
 * @param options.ids int64 rows of equal length, at most the model's positions
 */
export async function checkParity(
  runtime: Runtime,
  options: {
    readonly model: Pick<ModelFolder, 'config' | 'weights'>;
    readonly onnxPath: string;
    readonly ids: readonly (readonly number[])[];
    readonly session: SessionOptions;
  },
): Promise<Parity> {
  const { model, ids } = options;
  const [batch, length] = [ids.length, ids[0]?.length ?? 0];
  if (ids.some((row) => row.length !== length))
    throw new DdkError('invalid_argument', 'The rows of ids must have one length.');
  const feeds = {
    input_ids: {
      dtype: 'int64',
      shape: [batch, length],
      data: BigInt64Array.from(ids.flat(), BigInt),
    } as const,
  };
  const scoring = scoringModel({ ...model, batch, length, head: { kind: 'logits' } });
  const expected = await logits(runtime, scoring.bytes, feeds, {
    ...options.session,
    externalDataFolder: scoring.externalDataFolder,
  });
  const found = await logits(runtime, options.onnxPath, feeds, options.session);
  return compare(expected, found, model.config.vocabSize);
}

async function logits(
  runtime: Runtime,
  model: Uint8Array | string,
  feeds: Readonly<Record<string, TensorData>>,
  options: SessionOptions,
): Promise<Float32Array> {
  const session = await runtime.createSession(model, options);
  try {
    const { data } = (await session.run(feeds)).logits ?? {};
    if (data instanceof Float32Array) return data;
    throw new DdkError('failed_precondition', 'The model has no output "logits" of float32.');
  } finally {
    await session.close();
  }
}

function compare(a: Float32Array, b: Float32Array, vocabSize: number): Parity {
  if (a.length !== b.length)
    throw new DdkError('failed_precondition', `The two graphs give ${a.length} and ${b.length} logits.`);
  let largest = 0;
  let same = 0;
  const positions = a.length / vocabSize;
  for (let n = 0; n < positions; n++) {
    let [bestA, bestB] = [0, 0];
    for (let v = 0; v < vocabSize; v++) {
      const at = n * vocabSize;
      const difference = Math.abs(a[at + v]! - b[at + v]!);
      // A NaN on either side is a difference that no threshold may accept.
      largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
      if (a[at + v]! > a[at + bestA]!) bestA = v;
      if (b[at + v]! > b[at + bestB]!) bestB = v;
    }
    if (bestA === bestB) same += 1;
  }
  return { maxAbsoluteDifference: largest, sameArgMax: same / positions };
}
