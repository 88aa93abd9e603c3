// The RPCs of the scheduler: what came in is checked, then handed to the core.
import { type Clock, invalidArgument, type Violation } from '#base';
import type { Bus } from '#bus';
import type { SchedulerServiceService } from '#proto/ddk/v1/scheduler';
import type { DescribeModelResponse } from '#proto/ddk/v1/teacher_scoring';
import type { Run } from '#proto/ddk/v1/types';
import type { Implementation } from '#rpc';
import type { Store } from '#store';
import { requireRunId } from '#work';
import { checkInputs } from './check-inputs.js';
import type { Coordinator } from './coordinator.js';
import { runOfRequest, storeRun } from './create-run.js';
import type { RunRequest } from './events.js';
import { readIntervals } from './history.js';
import { pageOfIntervals, pageOfRuns } from './page.js';
import { previewMixture } from './preview.js';
import { messageOf, type RunStore, type StoredRun } from './run-store.js';
import { validateSpec } from './validate-spec.js';
import { watchRun } from './watch-run.js';

export interface HandlerDependencies {
  readonly store: Store;
  readonly runs: RunStore;
  readonly coordinator: Coordinator;
  readonly bus: Bus;
  readonly describeTeacher: (signal: AbortSignal) => Promise<DescribeModelResponse>;
  readonly clock: Clock;
  /** The scheduler is about to end; its reason is what watchers are sent away with. */
  readonly stopping: AbortSignal;
}

const longestRequestId = 128;
const mostIntervalsAtOnce = 10_000;

function requestIdProblems({ length }: string): Violation[] {
  if (length >= 1 && length <= longestRequestId) return [];
  const description = `must have 1 to ${longestRequestId} characters, but has ${length}`;
  return [{ field: 'request_id', description }];
}

export function schedulerHandlers(
  dependencies: HandlerDependencies,
): Implementation<typeof SchedulerServiceService> {
  const { store, runs, coordinator, bus, describeTeacher, clock, stopping } = dependencies;

  const find = async (run: string): Promise<StoredRun> => {
    requireRunId(run, 'run', 'the id or name of a run');
    return runs.find(run);
  };
  const ask = async (idOrName: string, requests: (atMs: number) => RunRequest[]): Promise<{ run: Run }> => {
    const { state } = await find(idOrName);
    return { run: messageOf(await coordinator.request(state.id, requests(clock.now()))) };
  };

  return {
    async createRun({ requestId, spec }, { signal }) {
      validateSpec(spec, requestIdProblems(requestId));
      const before = await runOfRequest(store.records, runs, { requestId, spec });
      if (before) return { run: messageOf(before) };
      await checkInputs(spec, store.artifacts, () => describeTeacher(signal));
      const run = await storeRun(store.records, runs, { requestId, spec, atMs: clock.now() });
      coordinator.hint(run.state.id);
      return { run: messageOf(run) };
    },

    async getRun({ run }) {
      return { run: messageOf(await find(run)) };
    },

    async listRuns(request) {
      return pageOfRuns(await runs.list(), request);
    },

    async listIntervals({ run, ...request }) {
      const { state } = await find(run);
      const read = (from: number) => readIntervals(store.records, state, from);
      return pageOfIntervals(read, request, (state.intervals.at(-1)?.index ?? -1) + 1);
    },

    async *watchRun({ run, afterRevision }, { signal }) {
      yield* watchRun({ runs, bus, run: await find(run), afterRevision, signal, stopping });
    },

    pauseRun({ run }) {
      return ask(run, (atMs) => [{ kind: 'pause_requested', atMs }]);
    },

    resumeRun({ run, extendByIntervals }) {
      if (extendByIntervals > mostIntervalsAtOnce) {
        const description = `must be at most ${mostIntervalsAtOnce}, but is ${extendByIntervals}`;
        throw invalidArgument([{ field: 'extend_by_intervals', description }]);
      }
      return ask(run, (atMs) =>
        extendByIntervals === 0
          ? [{ kind: 'resume_requested', atMs }]
          : [
              { kind: 'extend_requested', intervals: extendByIntervals, atMs },
              { kind: 'resume_requested', atMs },
            ],
      );
    },

    cancelRun({ run }) {
      return ask(run, (atMs) => [{ kind: 'cancel_requested', atMs }]);
    },

    async previewMixture(request) {
      return previewMixture(request);
    },
  };
}
