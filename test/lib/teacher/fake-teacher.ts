// A teacher-scoring server whose answers follow from the ids by a rule, and which can be told to misbehave.
import { DdkError, silentLogger } from '#base';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { Health, type RunningServer, service, startServer } from '#rpc';
import { encodeTargets } from '#targets';

export const vocabSize = 50;

export interface FakeTeacher {
  readonly server: RunningServer;
  /** Rows of the batches answered, in order. */
  readonly answered: number[];
  /** Fails the stream before the next answers, once each. */
  readonly failures: DdkError[];
}

/** The rule: the likeliest tokens after `id` are the next ones of the vocabulary, with falling probability. */
export function expectedIds(id: number, k: number): number[] {
  return Array.from({ length: k }, (_, j) => (id + 1 + j) % vocabSize);
}

export async function startFakeTeacher(address = '127.0.0.1:0'): Promise<FakeTeacher> {
  const answered: number[] = [];
  const failures: DdkError[] = [];
  const server = await startServer({
    address,
    health: new Health({ logger: silentLogger }),
    logger: silentLogger,
    services: [
      service(TeacherScoringServiceService, {
        async describeModel() {
          return {
            fingerprint: 'sha256:teacher',
            vocabularySize: vocabSize,
            maximumLength: 64,
            tokenizerFingerprint: 'tokens',
            provider: 1,
            precision: 'float32',
            providerReason: 'a fake',
            runtimeVersion: '0',
            parameters: 1n,
            maximumRows: 4,
            maximumPositions: 4096,
            checks: [],
          };
        },
        async *scoreSequences(requests) {
          let k = 0;
          let length = 0;
          for await (const { message } of requests) {
            if (message?.$case === 'options') {
              length = message.value.length;
              const output = message.value.output;
              k =
                output?.$case === 'targets' && output.value.kind?.$case === 'topK'
                  ? output.value.kind.value.k
                  : 0;
              continue;
            }
            const failure = failures.shift();
            if (failure !== undefined) throw failure;
            if (message === undefined) throw new DdkError('invalid_argument', 'an empty message');
            const { id, rows, tokenIds } = message.value;
            answered.push(rows);
            const ids = new Int32Array(
              tokenIds.buffer.slice(tokenIds.byteOffset, tokenIds.byteOffset + tokenIds.length),
            );
            yield {
              id,
              payload: Buffer.from(k > 0 ? topK(ids, rows, length, k) : labels(ids, rows, length)),
              durationMs: 1,
            };
          }
        },
      }),
    ],
  });
  return { server, answered, failures };
}

function topK(ids: Int32Array, rows: number, length: number, k: number): Uint8Array {
  const entries: number[] = [];
  const logProbs: number[] = [];
  for (let row = 0; row < rows; row += 1) {
    for (let t = 0; t < length; t += 1) {
      const after = expectedIds(ids[row * (length + 1) + t]!, k);
      entries.push(...after);
      for (const j of after.keys()) logProbs.push(-1 - j);
    }
  }
  return encodeTargets(
    {
      kind: 'top_k',
      positions: rows * length,
      k,
      ids: Int32Array.from(entries),
      logProbs: Float32Array.from(logProbs),
    },
    vocabSize,
  );
}

/** Of label `id`: -id / 8, which float32 holds exactly. */
function labels(ids: Int32Array, rows: number, length: number): Uint8Array {
  const values = new Float32Array(rows * length);
  for (let row = 0; row < rows; row += 1) {
    for (let t = 0; t < length; t += 1) values[row * length + t] = -ids[row * (length + 1) + t + 1]! / 8;
  }
  return new Uint8Array(values.buffer);
}
