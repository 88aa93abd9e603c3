// Where each run stands on this trainer, for GetProgress.
import type { GetProgressResponse } from '#proto/ddk/v1/student_trainer';
import type { StepMetrics } from '#proto/ddk/v1/types';

/** Steps whose median duration is told. */
const recent = 21;

interface Standing {
  readonly interval: number;
  readonly attempt: number;
  readonly endStep: number;
  readonly durationsMs: number[];
  latest: StepMetrics | undefined;
}

export class ProgressBoard {
  readonly #byRun = new Map<string, Standing>();

  begin(
    runId: string,
    at: { readonly interval: number; readonly attempt: number; readonly endStep: number },
  ): void {
    this.#byRun.set(runId, { ...at, durationsMs: [], latest: undefined });
  }

  step(runId: string, metrics: StepMetrics): void {
    const standing = this.#byRun.get(runId);
    if (!standing) return;
    standing.latest = metrics;
    standing.durationsMs.push(metrics.durationMs + metrics.teacherWaitMs);
    if (standing.durationsMs.length > recent) standing.durationsMs.shift();
  }

  get(runId: string): GetProgressResponse | undefined {
    const standing = this.#byRun.get(runId);
    if (!standing) return undefined;
    const sorted = [...standing.durationsMs].sort((a, b) => a - b);
    return {
      interval: standing.interval,
      attempt: standing.attempt,
      endStep: standing.endStep,
      latest: standing.latest,
      stepDurationMs: sorted[sorted.length >> 1] ?? 0,
    };
  }
}
