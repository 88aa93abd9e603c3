// A trainer and an evaluator that compute nothing: they take work from the bus, pass the fence and commit names of results.
import { DdkError, silentLogger } from '#base';
import type { Bus, Stop } from '#bus';
import type { WorkItem } from '#proto/ddk/v1/events';
import { type Domain, EvaluationRecord, ExportRecord, IntervalRecord, WorkState } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import {
  type Assignment,
  claimWork,
  consumeWork,
  publishRunEvent,
  type RecordCodec,
  type WorkRecord,
} from '#work';
import { workKey } from '../../services/scheduler/work-records.js';
import { domains as exampleDomains, gapsOf } from './example.js';

export interface FakeWorkers {
  /** Items taken so far, in order: `train/0`, `evaluate/1` and so on. */
  readonly taken: string[];
  /** Called with every item before it is worked on; what it throws is what the work fails with. */
  before: (item: string, signal: AbortSignal) => Promise<void> | void;
  stop(): Promise<void>;
}

type Work = 'train' | 'evaluate' | 'export';

interface FakeWorkersOptions {
  readonly domains?: readonly Domain[];
  /** Digest of the checkpoint that an interval ends with. */
  readonly checkpointOf?: (base: string, interval: number) => string;
}

export async function startFakeWorkers(
  store: Store,
  bus: Bus,
  {
    domains = exampleDomains,
    checkpointOf = (base, interval) => `${base}>${interval}`,
  }: FakeWorkersOptions = {},
): Promise<FakeWorkers> {
  const worker = 'worker-1';
  const stops: Stop[] = [];
  const fake: FakeWorkers = {
    taken: [],
    before: () => {},
    async stop() {
      for (const stop of stops) await stop();
    },
  };

  const serve = async <R extends WorkRecord>(
    work: Work,
    codec: RecordCodec<R>,
    perform: (item: WorkItem, assignment: Assignment<R>) => Promise<void>,
    tell: (item: WorkItem, record: R) => Promise<void>,
  ): Promise<void> => {
    const stop = await consumeWork(bus, work, silentLogger, async (item) => {
      const { runId, interval, attempt } = item;
      const key = workKey(runId, work, interval);
      const claim = await claimWork({ store, key, codec, attempt, worker, pollMs: 5 });
      if (claim.kind === 'lost') return;
      if (claim.kind === 'complete') return tell(item, claim.record);
      const { assignment } = claim;
      try {
        const name = work === 'export' ? work : `${work}/${interval}`;
        fake.taken.push(name);
        await fake.before(name, assignment.signal);
        await perform(item, assignment);
        await tell(item, assignment.record);
      } catch (thrown) {
        const error = DdkError.from(thrown);
        if (error.reason === 'ASSIGNMENT_LOST' || error.reason === 'WORKER_DIED') return;
        await assignment.fail(error);
        const reason = { code: error.reason ?? error.code, message: error.message };
        const value = { work: 0, interval, attempt, reason, retryable: error.retryable } as const;
        await publishRunEvent(bus, 'fake', runId, { $case: 'workFailed', value });
      } finally {
        assignment.release();
      }
    });
    stops.push(stop);
  };

  await serve<EvaluationRecord>(
    'evaluate',
    EvaluationRecord,
    async (item, { record, commit }) => {
      const gaps = gapsOf(record.checkpointDigest, item.interval, domains);
      await commit({ state: WorkState.COMPLETE, gaps });
    },
    ({ runId, interval, attempt }, { gaps }) =>
      publishRunEvent(bus, 'fake', runId, { $case: 'gapsMeasured', value: { interval, attempt, gaps } }),
  );
  await serve<IntervalRecord>(
    'train',
    IntervalRecord,
    async ({ runId, interval }, { record, commit }) => {
      const progress = { $case: 'step', value: stepOf(record.endStep) } as const;
      await publishRunEvent(bus, 'fake', runId, { $case: 'progress', value: { interval, progress } });
      await commit({
        state: WorkState.COMPLETE,
        step: record.endStep,
        checkpointDigest: checkpointOf(record.baseCheckpointDigest, interval),
        metricsDigest: `metrics-${interval}`,
        windowsDrawn: domains.map(({ id }) => BigInt(id + 1)),
      });
    },
    ({ runId, interval, attempt }, { step, checkpointDigest }) =>
      publishRunEvent(bus, 'fake', runId, {
        $case: 'intervalTrained',
        value: { interval, attempt, step, checkpointDigest },
      }),
  );
  await serve<ExportRecord>(
    'export',
    ExportRecord,
    (_, { record, commit }) =>
      commit({ state: WorkState.COMPLETE, exportDigest: `export-of-${record.checkpointDigest}` }),
    ({ runId, attempt }, { exportDigest }) =>
      publishRunEvent(bus, 'fake', runId, { $case: 'exportFinished', value: { attempt, exportDigest } }),
  );
  return fake;
}

function stepOf(step: number) {
  return {
    step,
    loss: 1,
    crossEntropy: 1,
    kl: 0,
    gradientNorm: 1,
    learningRate: 0.001,
    tokens: 10n,
    durationMs: 1,
    teacherWaitMs: 0,
    domains: [],
  };
}

/** What a worker that is killed leaves behind: a record in its hands, and no word. */
export function workerDied(): DdkError {
  return new DdkError('aborted', 'The worker died.', { reason: 'WORKER_DIED' });
}
