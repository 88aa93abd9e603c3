// A connection to the teacher-scoring service and the two questions it is asked: targets to train on, losses to compare with.
import { type Clock, DdkError, type Logger, systemClock } from '#base';
import type { Window } from '#corpus';
import {
  type DescribeModelResponse,
  type ScoreOptions,
  TeacherScoringServiceService,
} from '#proto/ddk/v1/teacher_scoring';
import { Provider } from '#proto/ddk/v1/types';
import { createClient, type Security } from '#rpc';
import type { DenseTargets, TargetEncoding, TopKTargets } from '#targets';
import { openScoreStream } from './score-stream.js';
import type { TargetCache } from './target-cache.js';
import { openTargetSource } from './target-source.js';
import { decodeFloat32, encodeTokenIds, rowsPerMessage } from './wire.js';

export type Targets = TopKTargets | DenseTargets;

/** What is served, as DescribeModel tells it. */
export interface TeacherModel {
  readonly fingerprint: string;
  readonly vocabSize: number;
  /** Longest window in predicted positions. */
  readonly maximumLength: number;
  readonly tokenizerFingerprint: string;
  readonly provider: 'cpu' | 'cuda';
  readonly precision: string;
  readonly maximumRows: number;
  readonly maximumPositions: number;
}

export interface TeacherOptions {
  readonly address: string;
  readonly logger: Logger;
  readonly security?: Security;
  /** Refuse any other model: failed_precondition with reason TEACHER_CHANGED. */
  readonly fingerprint?: string;
  /** Where targets are kept; without it every window is scored anew. */
  readonly cache?: TargetCache;
  /** How long the teacher may be away before those who wait are told `unavailable`. Default 60 s. */
  readonly giveUpMs?: number;
  readonly clock?: Clock;
}

export interface TargetSource {
  /**
   * The teacher's distributions at the B * T positions of B windows, row by row. Kept on disk before they are returned,
   * so that a replay of the step sees the same ones. Several calls may be open at once.
   */
  fetch(windows: readonly Window[], signal?: AbortSignal): Promise<Targets>;
  close(): void;
}

export interface LabelScores {
  /** Log-probabilities in nats of the tokens that follow, [B * T], row by row. */
  score(windows: readonly Window[], signal?: AbortSignal): Promise<Float32Array>;
  close(): void;
}

export interface Teacher {
  /** Asked once, then remembered. */
  describe(signal?: AbortSignal): Promise<TeacherModel>;
  /** Targets of windows of `length` predicted positions. Open one an interval, so that its spans are the interval's. */
  targets(options: {
    readonly encoding: TargetEncoding;
    readonly temperature: number;
    readonly length: number;
  }): Promise<TargetSource>;
  labelLogProbs(options: { readonly length: number }): Promise<LabelScores>;
  close(): void;
}

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
