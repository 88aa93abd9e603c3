// The student at a checkpoint, as a session that scores labels.
//
// Shapes: B rows, T positions.
import { assert, DdkError, type Report, reported } from '#base';
import type { Window } from '#corpus';
import { scoringFeeds, scoringModel, type Weights } from '#model';
import type { DecoderConfig } from '#nn';
import type { Provider, Runtime } from '#runtime';
import type { ArtifactStore } from '#store';
import { openCheckpoint } from '#train';
import { readStudent } from '#work';

export interface Execution {
  readonly runtime: Runtime;
  readonly provider: Provider;
  readonly device: number;
  readonly threads: number;
  /** Told after every piece of work in a session whether it went well. */
  readonly report: Report;
}

export interface StudentScorer {
  /** Windows scored in one run of the session. */
  readonly rows: number;
  /** Log-probabilities of the labels of at most `rows` windows, [windows * T]. */
  score(windows: readonly Window[], signal: AbortSignal): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Positions a run: enough to fill the processor, as far as their logits fit into memory. */
const positionsPerRun = 2048;
const maxLogitsBytes = 256 * 1024 * 1024;

/**
 * Throws not_found for a missing artifact, invalid_argument for one that is no checkpoint, failed_precondition for a checkpoint
 * of another model.
 */
export async function openStudent(
  artifacts: ArtifactStore,
  digests: { readonly student: string; readonly checkpoint: string },
  corpus: { readonly vocabSize: number; readonly sequenceLength: number },
  execution: Execution,
): Promise<StudentScorer> {
  const { config } = await readStudent(artifacts, digests.student);
  requireFit(config, corpus, digests.student);
  const { weights } = await openCheckpoint(digests.checkpoint, artifacts, config);
  return createScorer(config, weights, corpus.sequenceLength, execution);
}

function requireFit(
  config: DecoderConfig,
  corpus: { readonly vocabSize: number; readonly sequenceLength: number },
  studentDigest: string,
): void {
  if (corpus.vocabSize > config.vocabSize) {
    throw new DdkError(
      'failed_precondition',
      `The corpus has ${corpus.vocabSize} token ids and student ${studentDigest} only ${config.vocabSize}; tokenise it with the student's tokenizer.`,
    );
  }
  if (corpus.sequenceLength > config.maxPositions) {
    throw new DdkError(
      'failed_precondition',
      `The corpus has windows of ${corpus.sequenceLength} positions and student ${studentDigest} takes ${config.maxPositions}; build it with shorter ones.`,
    );
  }
}

async function createScorer(
  config: DecoderConfig,
  weights: Weights,
  length: number,
  { runtime, provider, device, threads, report }: Execution,
): Promise<StudentScorer> {
  const positions = Math.min(positionsPerRun, Math.floor(maxLogitsBytes / (4 * config.vocabSize)));
  const rows = Math.max(1, Math.floor(positions / length));
  const graph = scoringModel({ config, weights, batch: rows, length, head: { kind: 'label_log_probs' } });
  const session = await reported(
    runtime.createSession(graph.bytes, {
      provider,
      deviceId: device,
      threads,
      externalDataFolder: graph.externalDataFolder,
    }),
    report,
  );
  return {
    rows,
    close: () => session.close(),
    async score(windows, signal) {
      const ids = windows.map((window) => window.ids);
      const feeds = scoringFeeds(ids, { batch: rows, length, labels: true });
      const { label_log_probs } = await reported(session.run(feeds, { signal }), report);
      const logProbs = label_log_probs?.data;
      assert(logProbs instanceof Float32Array, 'label_log_probs is float32');
      return logProbs.subarray(0, windows.length * length);
    },
  };
}
