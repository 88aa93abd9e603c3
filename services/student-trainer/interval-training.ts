// One attempt at one interval: steps from the last commit to the interval's end, and the commits between.
import { DdkError, failpoint } from '#base';
import { type Corpus, type Cursors, initialCursors, openCorpus } from '#corpus';
import { learningRate } from '#nn';
import type { CheckpointCommitted } from '#proto/ddk/v1/student_trainer';
import { type IntervalRecord, type StepMetrics, WorkState } from '#proto/ddk/v1/types';
import type { Targets } from '#teacher';
import { metrics, spans, withSpan } from '#telemetry';
import { type CheckpointManifest, saveCheckpoint, type TrainEngine } from '#train';
import type { Assignment, WorkTeller } from '#work';
import { MetricsLog } from './metrics-log.js';
import type { TrainerParts } from './parts.js';
import { type RunPlan, readPlan, schedule, stepSpec } from './run-plan.js';
import { type FeedOptions, stepFeed } from './step-feed.js';
import { recordStep, stepMetrics } from './step-metrics.js';
import { rowsOf } from './train-rows.js';

export type TrainEvent =
  | { readonly $case: 'step'; readonly value: StepMetrics }
  | { readonly $case: 'checkpoint'; readonly value: CheckpointCommitted }
  /** What a person should know, in a sentence. */
  | { readonly $case: 'notice'; readonly value: string };

export interface IntervalWork {
  readonly runId: string;
  readonly interval: number;
  readonly attempt: number;
}

/** Steps whose targets are fetched ahead of the one being trained. */
const ahead = 3;

export class IntervalTraining {
  readonly #work: IntervalWork;
  readonly #assignment: Assignment<IntervalRecord>;
  readonly #parts: TrainerParts;
  readonly #tell: (event: TrainEvent) => void;
  readonly #others: WorkTeller;
  readonly #log: MetricsLog;
  /** The last step that is done. */
  #step: number;
  /** Windows of this interval, by domain. */
  readonly #drawn: number[] = [];
  #lastCommitMs: number;

  constructor(
    work: IntervalWork,
    assignment: Assignment<IntervalRecord>,
    parts: TrainerParts,
    tell: (event: TrainEvent) => void,
    others: WorkTeller,
  ) {
    this.#work = work;
    this.#assignment = assignment;
    this.#parts = parts;
    this.#tell = tell;
    this.#others = others;
    this.#lastCommitMs = parts.clock.monotonicMs();
    // The steps of this interval that earlier attempts committed stay where they are.
    this.#log = new MetricsLog(parts.store.artifacts, assignment.record.metricsDigest);
    this.#step = assignment.record.step;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, engines, board, logger } = this.#parts;
    const { record } = this.#assignment;
    const plan = await readPlan(store, this.#work.runId);
    const corpus = await openCorpus(plan.spec.corpusDigest, store.artifacts);
    try {
      const base = record.checkpointDigest || record.baseCheckpointDigest;
      const program = stepSpec(plan, corpus.manifest.sequenceLength);
      const { engine, manifest } = await engines.at(this.#work.runId, program, base, (differences) => {
        // A run that begins promises nothing about where its first weights come from.
        if (base !== plan.spec.baseCheckpointDigest) this.#noticeMove(record.step, differences);
      });
      this.#drawn.push(...corpus.manifest.domains.map((_, d) => Number(record.windowsDrawn[d] ?? 0n)));
      board.begin(this.#work.runId, { ...this.#work, endStep: record.endStep });
      logger.info({ ...this.#work, from: record.step, to: record.endStep, base }, 'training');
      const cursors = cursorsOf(manifest, plan, corpus);
      await this.#withTargets(plan, corpus, (fetchTargets) =>
        this.#steps({ plan, corpus, engine, cursors, fetchTargets, signal }),
      );
    } finally {
      await corpus.close();
    }
  }

  /** Calls `body` with a way to the teacher's targets, or to none where gamma is 0. */
  async #withTargets(
    plan: RunPlan,
    corpus: Corpus,
    body: (fetch: FeedOptions<Targets | undefined>['fetchTargets']) => Promise<void>,
  ): Promise<void> {
    const { encoding, spec } = plan;
    if (!encoding) return body(async () => undefined);
    const teacher = await this.#parts.connectTeacher(spec.teacherFingerprint);
    try {
      const temperature = spec.objective?.temperature ?? 1;
      const source = await teacher.targets({ encoding, temperature, length: corpus.manifest.sequenceLength });
      try {
        await body((step, windows, signal) =>
          withSpan(spans.fetchTargets, { 'ddk.run': this.#work.runId, 'ddk.step': step }, () =>
            source.fetch(windows, signal),
          ),
        );
      } finally {
        source.close();
      }
    } finally {
      teacher.close();
    }
  }

  async #steps(options: {
    readonly plan: RunPlan;
    readonly corpus: Corpus;
    readonly engine: TrainEngine;
    readonly cursors: Cursors;
    readonly fetchTargets: FeedOptions<Targets | undefined>['fetchTargets'];
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { plan, corpus, engine, cursors, fetchTargets, signal } = options;
    const { record } = this.#assignment;
    const { training } = plan.spec;
    const { stopping } = this.#parts;
    const feed = stepFeed<Targets | undefined>({
      corpus,
      seed: training?.seed ?? 0,
      weights: record.weights,
      batchSize: training?.batchSize ?? 0,
      from: record.step + 1,
      to: record.endStep,
      cursors,
      ahead,
      fetchTargets,
      // Whoever is about to end does not wait for the teacher.
      signal: AbortSignal.any([signal, stopping]),
    });
    const rates = schedule(plan);
    const commitEveryMs = (training?.checkpointSeconds || Number.POSITIVE_INFINITY) * 1000;
    /** Where the sampler stands after the steps that are done but not committed. */
    let uncommitted: Cursors | undefined;
    for (;;) {
      const waitedFromMs = this.#parts.clock.monotonicMs();
      const next = await feed.next().catch((error: unknown) => {
        if (!stopping.aborted) throw error;
        return undefined;
      });
      if (next === undefined) {
        if (uncommitted) await this.#commit(engine, plan, uncommitted, false);
        stopping.throwIfAborted();
        return;
      }
      if (next.done) return;
      const prepared = next.value;
      const waitMs = this.#parts.clock.monotonicMs() - waitedFromMs;
      const attributes = { 'ddk.run': this.#work.runId, 'ddk.step': prepared.step };
      const done = await withSpan(spans.trainStep, attributes, () =>
        this.#parts.engines.step(rowsOf(prepared), learningRate(rates, prepared.step), { signal }),
      ).catch(async (error: unknown) => {
        // The state is as before the step, and what led there is what somebody will want to look at.
        if (uncommitted && DdkError.from(error).reason === 'LOSS_NOT_FINITE')
          await this.#commit(engine, plan, uncommitted, false).catch((err: unknown) =>
            this.#parts.logger.warn({ ...this.#work, err }, 'the steps before the failure are not kept'),
          );
        throw error;
      });
      for (const domain of prepared.domains) this.#drawn[domain] = (this.#drawn[domain] ?? 0) + 1;
      await this.#record(stepMetrics(prepared.step, done, plan.encoding ? waitMs : 0), corpus);
      const isLast = prepared.step === record.endStep;
      const isDue = this.#parts.clock.monotonicMs() - this.#lastCommitMs >= commitEveryMs;
      const isStopping = stopping.aborted;
      uncommitted = prepared.cursors;
      if (isLast || isDue || isStopping) {
        await this.#commit(engine, plan, uncommitted, isLast);
        uncommitted = undefined;
      }
      if (isStopping && !isLast) {
        await feed.return(undefined);
        // Another attempt continues from the commit just made.
        stopping.throwIfAborted();
      }
    }
  }

  /** The steps so far were not computed as those to come will be. */
  #noticeMove(step: number, differences: readonly string[]): void {
    const value =
      `the ${step} steps so far were computed elsewhere (${differences.join('; ')}), ` +
      'so the bits of the final weights are not those of an undisturbed run';
    this.#parts.logger.warn({ ...this.#work, step, differences }, value);
    this.#tell({ $case: 'notice', value });
    this.#others.progress({ $case: 'notice', value }, true);
  }

  async #record(step: StepMetrics, corpus: Corpus): Promise<void> {
    const { record } = this.#assignment;
    await this.#log.add(step);
    this.#step = step.step;
    this.#parts.board.step(this.#work.runId, step);
    this.#tell({ $case: 'step', value: step });
    this.#others.progress({ $case: 'step', value: step }, step.step === record.endStep);
    recordStep(step, record, (domainId) => corpus.manifest.domains[domainId]?.name ?? '');
  }

  async #commit(engine: TrainEngine, plan: RunPlan, cursors: Cursors, complete: boolean): Promise<void> {
    const { store, engines, superseded, clock } = this.#parts;
    const { checkpointDigest: before, baseCheckpointDigest: base } = this.#assignment.record;
    const step = this.#step;
    const startedMs = clock.monotonicMs();
    await withSpan(spans.commitCheckpoint, { 'ddk.run': this.#work.runId, 'ddk.step': step }, async () => {
      failpoint('trainer.before_durable');
      const metricsDigest = await this.#log.flush();
      const saved = await saveCheckpoint(engine, store.artifacts, {
        cursors: { corpusDigest: plan.spec.corpusDigest, drawn: cursors.drawn },
        mixtureVersion: this.#work.interval,
        metrics: { digest: metricsDigest },
      });
      failpoint('trainer.before_commit');
      await this.#assignment.commit({
        step,
        checkpointDigest: saved.digest,
        metricsDigest,
        windowsDrawn: this.#drawn.map(BigInt),
        ...(complete ? { state: WorkState.COMPLETE } : {}),
      });
      failpoint('trainer.after_commit');
      engines.committed(saved.digest);
      const { weights, moments } = saved.manifest;
      const bytes = weights.bytes + (moments?.bytes ?? 0);
      if (before !== '' && before !== saved.digest) superseded.add(before, bytes);
      // What the interval began with is what the one before it ended with: its run names it for a while yet.
      if (complete && base !== plan.spec.baseCheckpointDigest) superseded.add(base, bytes);
      this.#tell({ $case: 'checkpoint', value: { step, checkpointDigest: saved.digest } });
    });
    this.#lastCommitMs = clock.monotonicMs();
    metrics.trainCommitDuration.record((this.#lastCommitMs - startedMs) / 1000, {});
  }
}

/** Where the sampler stands: as the checkpoint says, or at the start where it was made on another corpus or none. */
function cursorsOf(manifest: CheckpointManifest, plan: RunPlan, corpus: Corpus): Cursors {
  const domains = corpus.manifest.domains.length;
  const kept = manifest.cursors as { corpusDigest?: unknown; drawn?: unknown } | null;
  if (kept === null || kept.corpusDigest !== plan.spec.corpusDigest) return initialCursors(domains);
  const { drawn } = kept;
  if (!Array.isArray(drawn) || drawn.length !== domains)
    throw new DdkError(
      'data_loss',
      `The checkpoint's cursors do not fit the ${domains} domains of its corpus.`,
    );
  return { drawn: drawn as number[] };
}
