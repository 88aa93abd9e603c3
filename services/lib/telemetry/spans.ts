// Every span name of the system, once. Ids (run, interval, step) are attributes, so that names stay few.

export const spans = {
  /** A run as its scheduler drives it: one reaction to one event. */
  scheduleRun: 'ddk.run.schedule',
  /** One interval's steps in the trainer, from assignment to commit. */
  trainInterval: 'ddk.interval.train',
  trainStep: 'ddk.step.train',
  /** Getting the teacher's targets for a group of steps. */
  fetchTargets: 'ddk.targets.fetch',
  /** One batch in the teacher's session. */
  scoreBatch: 'ddk.teacher.score',
  /** Measuring all domains. */
  measureGaps: 'ddk.gaps.measure',
  /** Scoring one domain's held-out text with one model. */
  evaluateDomain: 'ddk.domain.evaluate',
  loadCheckpoint: 'ddk.checkpoint.load',
  commitCheckpoint: 'ddk.checkpoint.commit',
  exportModel: 'ddk.model.export',
  /** One attempt at a piece of work from a queue. */
  processWork: 'ddk.work.process',
} as const;

/** Calls are named by their method, as the semantic conventions say: `ddk.v1.Scheduler/CreateRun`. */
export type RpcSpanName = `${string}.${string}/${string}`;

export type SpanName = (typeof spans)[keyof typeof spans] | RpcSpanName;
