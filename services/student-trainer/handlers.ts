// The trainer's RPCs, one function each.
import { DdkError, type TakeTurn } from '#base';
import type { StudentTrainerServiceService } from '#proto/ddk/v1/student_trainer';
import { Provider } from '#proto/ddk/v1/types';
import { type Health, type Implementation, streamOf } from '#rpc';
import type { Runtime, Provider as RuntimeProvider } from '#runtime';
import { requireRunId } from '#work';
import { exportStudent } from './export-student.js';
import { trainInterval } from './interval-trainer.js';
import type { TrainerParts } from './parts.js';

export interface HandlerParts {
  readonly parts: TrainerParts;
  /** Calls `body` when the work before it has ended. */
  readonly inTurn: TakeTurn;
  readonly describe: {
    readonly provider: RuntimeProvider;
    readonly why: string;
    readonly threads: number;
    readonly runtime: Runtime;
    readonly health: Health;
  };
}

export function trainerHandlers({
  parts,
  inTurn,
  describe,
}: HandlerParts): Implementation<typeof StudentTrainerServiceService> {
  return {
    async describeStudent() {
      const loaded = parts.engines.loaded;
      const { checks } = await describe.health.report();
      return {
        provider: describe.provider === 'cuda' ? Provider.CUDA : Provider.CPU,
        providerReason: describe.why,
        runtimeVersion: describe.runtime.version,
        threads: describe.threads,
        runId: loaded?.runId ?? '',
        checkpointDigest: loaded?.checkpointDigest ?? '',
        parameters: BigInt(loaded?.parameters ?? 0),
        stateBytes: BigInt(loaded?.stateBytes ?? 0),
        checks: [...checks],
      };
    },

    async *trainInterval(request, { signal }) {
      requireRunId(request.runId);
      yield* streamOf(async (tell) => {
        const work = () => trainInterval(request, parts, (event) => tell({ event }), signal);
        tell({ event: { $case: 'finished', value: await inTurn(work) } });
      });
    },

    async getProgress({ runId }) {
      requireRunId(runId);
      const progress = parts.board.get(runId);
      if (!progress)
        throw new DdkError('not_found', `This trainer has not worked on run "${runId}" since it started.`);
      return progress;
    },

    async exportStudent(request) {
      requireRunId(request.runId);
      const record = await inTurn(() => exportStudent(request, parts));
      return { manifest: record.manifest, exportDigest: record.exportDigest };
    },
  };
}
