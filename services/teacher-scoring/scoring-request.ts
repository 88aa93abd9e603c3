// What callers may ask: the options of a stream and its batches of windows, checked.
import { DdkError, invalidArgument, type Violation } from '#base';
import type { ScoreOptions, WindowBatch } from '#proto/ddk/v1/teacher_scoring';
import { bytesPerPosition, type TargetEncoding } from '#targets';

/** What a stream wants of every position. */
export type Output =
  | { readonly kind: 'targets'; readonly encoding: TargetEncoding; readonly temperature: number }
  | { readonly kind: 'label_log_probs' };

export interface ScoringRequest {
  readonly output: Output;
  /** T: predicted positions of every window. */
  readonly length: number;
}

/** What this server takes. */
export interface ScoringLimits {
  readonly fingerprint: string;
  readonly vocabSize: number;
  readonly maximumLength: number;
  readonly maximumRows: number;
  readonly maximumPositions: number;
}

const largestK = 1024;
const lowestTemperature = 0.05;
const highestTemperature = 20;
/** Below the limit of a gRPC message, with room for its other fields. */
const maxPayloadBytes = 7.5 * 1024 * 1024;

/** Throws invalid_argument with every violation, or failed_precondition where another model is meant. */
export function readOptions(options: ScoreOptions, limits: ScoringLimits): ScoringRequest {
  if (options.fingerprint !== limits.fingerprint) {
    throw new DdkError(
      'failed_precondition',
      `This service serves ${limits.fingerprint}, not ${options.fingerprint || '(none named)'}; ask DescribeModel what it serves.`,
      { reason: 'TEACHER_CHANGED' },
    );
  }
  const violations: Violation[] = [];
  const { length } = options;
  if (length < 1 || length > limits.maximumLength) {
    violations.push({
      field: 'options.length',
      description: `is ${length}; must lie in [1, ${limits.maximumLength}]`,
    });
  }
  const output = readOutput(options, limits, violations);
  if (violations.length > 0 || output === undefined) {
    throw invalidArgument(violations, 'The options of the stream are wrong');
  }
  return { output, length };
}

function readOutput(
  options: ScoreOptions,
  limits: ScoringLimits,
  violations: Violation[],
): Output | undefined {
  const { output, temperature } = options;
  switch (output?.$case) {
    case undefined:
      violations.push({
        field: 'options.output',
        description: 'is not set; give targets or label_log_probs',
      });
      return undefined;
    case 'labelLogProbs':
      return { kind: 'label_log_probs' };
    case 'targets': {
      if (!(temperature >= lowestTemperature && temperature <= highestTemperature)) {
        const range = `[${lowestTemperature}, ${highestTemperature}]`;
        violations.push({
          field: 'options.temperature',
          description: `is ${temperature}; must lie in ${range}`,
        });
      }
      const { kind } = output.value;
      switch (kind?.$case) {
        case undefined:
          violations.push({ field: 'options.targets.kind', description: 'is not set; give dense or top_k' });
          return undefined;
        case 'dense':
          return { kind: 'targets', encoding: { kind: 'dense_f16' }, temperature };
        case 'topK': {
          const { k } = kind.value;
          const most = Math.min(largestK, limits.vocabSize - 1);
          if (k < 1 || k > most) {
            violations.push({
              field: 'options.targets.top_k.k',
              description: `is ${k}; must lie in [1, ${most}]`,
            });
          }
          return { kind: 'targets', encoding: { kind: 'top_k', k }, temperature };
        }
      }
    }
  }
}

/** Bytes of the answer for one position. */
function outputBytes(output: Output, vocabSize: number): number {
  return output.kind === 'targets' ? bytesPerPosition(output.encoding, vocabSize) : 4;
}

/** The ids of a batch, [rows * (length + 1)]. Throws invalid_argument or resource_exhausted. */
export function readWindows(batch: WindowBatch, request: ScoringRequest, limits: ScoringLimits): Int32Array {
  const { rows, tokenIds } = batch;
  const { length, output } = request;
  const width = length + 1;
  if (rows < 1) throw invalid('windows.rows', `is ${rows}; must be at least 1`);
  if (rows > limits.maximumRows || rows * length > limits.maximumPositions) {
    throw new DdkError(
      'resource_exhausted',
      `A message may carry ${limits.maximumRows} rows and ${limits.maximumPositions} positions; this one has ${rows} rows of ${length}.`,
    );
  }
  const payloadBytes = rows * length * outputBytes(output, limits.vocabSize);
  if (payloadBytes > maxPayloadBytes) {
    throw new DdkError(
      'resource_exhausted',
      `The answer to ${rows} rows of ${length} would have ${payloadBytes} bytes, of at most ${maxPayloadBytes}; ask for fewer rows, or for top_k targets.`,
    );
  }
  if (tokenIds.byteLength !== rows * width * 4) {
    const expected = `${rows} rows of ${width} int32 ids are ${rows * width * 4} bytes`;
    throw invalid('windows.token_ids', `has ${tokenIds.byteLength} bytes; ${expected}`);
  }
  const ids = new Int32Array(rows * width);
  new Uint8Array(ids.buffer).set(tokenIds);
  for (const [at, id] of ids.entries()) {
    if (id >= 0 && id < limits.vocabSize) continue;
    const where = `row ${Math.floor(at / width)}, position ${at % width}`;
    throw invalid(
      'windows.token_ids',
      `holds ${id} at ${where}; the vocabulary has ${limits.vocabSize} tokens`,
    );
  }
  return ids;
}

function invalid(field: string, description: string): DdkError {
  return invalidArgument([{ field, description }]);
}
