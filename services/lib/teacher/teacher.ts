// A connection to the teacher-scoring service and the two questions it is asked: targets to train on, losses to compare with.
import { DdkError, systemClock } from '#base';
import {
  type DescribeModelResponse,
  type ScoreOptions,
  TeacherScoringServiceService,
} from '#proto/ddk/v1/teacher_scoring';
import { Provider } from '#proto/ddk/v1/types';
import { createClient } from '#rpc';
import type { TargetEncoding } from '#targets';
import { openScoreStream } from './score-stream.js';
import { openTargetSource } from './target-source.js';
import type { Teacher, TeacherModel, TeacherOptions } from './types.js';
import { decodeFloat32, encodeTokenIds, rowsPerMessage } from './wire.js';

/** Connects at the first question. */
export async function openTeacher(options: TeacherOptions): Promise<Teacher> {
  const { address, logger, cache, clock = systemClock, giveUpMs = 60_000 } = options;
  const security = options.security ?? {};
  const client = await createClient(TeacherScoringServiceService, address, { security });
  let model: TeacherModel | undefined;

  const describe = async (signal?: AbortSignal): Promise<TeacherModel> => {
    if (model !== undefined) return model;
    const described = await client.describeModel(
      {},
      { waitForReady: true, timeoutMs: giveUpMs, ...(signal === undefined ? {} : { signal }) },
    );
    model = toModel(described);
    if (options.fingerprint !== undefined && model.fingerprint !== options.fingerprint) {
      const served = model.fingerprint;
      model = undefined;
      throw new DdkError(
        'failed_precondition',
        `The teacher at ${address} is ${served}, but ${options.fingerprint} is wanted; start it with that model.`,
        { reason: 'TEACHER_CHANGED' },
      );
    }
    return model;
  };
  const stream = async (output: ScoreOptions['output'], temperature: number, length: number) => {
    const served = await describe();
    if (length > served.maximumLength) {
      throw new DdkError(
        'invalid_argument',
        `Windows of ${length} positions are longer than the teacher's context of ${served.maximumLength}; build the corpus with shorter ones.`,
      );
    }
    const scoreOptions = { fingerprint: served.fingerprint, output, temperature, length };
    return { served, scores: openScoreStream({ client, options: scoreOptions, logger, clock, giveUpMs }) };
  };
  return {
    describe,
    async targets({ encoding, temperature, length }) {
      const { served, scores } = await stream(targetsOutput(encoding), temperature, length);
      await cache?.refresh();
      return openTargetSource({ model: served, scores, encoding, temperature, length, cache });
    },
    async labelLogProbs({ length }) {
      const { served, scores } = await stream({ $case: 'labelLogProbs', value: {} }, 1, length);
      return {
        close: () => scores.close(),
        async score(windows, signal) {
          const rows = rowsPerMessage(windows.length, length, 4, served);
          const parts: Promise<Float32Array>[] = [];
          for (let from = 0; from < windows.length; from += rows) {
            const part = windows.slice(from, from + rows);
            const payload = scores.score(rows, encodeTokenIds(part, rows), signal);
            parts.push(
              payload.then((bytes) => decodeFloat32(bytes, rows * length).subarray(0, part.length * length)),
            );
          }
          return concatenate(await Promise.all(parts));
        },
      };
    },
    close: () => client.close(),
  };
}

function toModel(described: DescribeModelResponse): TeacherModel {
  return {
    fingerprint: described.fingerprint,
    vocabSize: described.vocabularySize,
    maximumLength: described.maximumLength,
    tokenizerFingerprint: described.tokenizerFingerprint,
    provider: described.provider === Provider.CUDA ? 'cuda' : 'cpu',
    precision: described.precision,
    maximumRows: described.maximumRows,
    maximumPositions: described.maximumPositions,
  };
}

function targetsOutput(encoding: TargetEncoding): ScoreOptions['output'] {
  switch (encoding.kind) {
    case 'dense_f16':
      return { $case: 'targets', value: { kind: { $case: 'dense', value: {} } } };
    case 'top_k':
      return { $case: 'targets', value: { kind: { $case: 'topK', value: { k: encoding.k } } } };
  }
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
