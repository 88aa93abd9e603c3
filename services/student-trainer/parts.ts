// What every piece of work in this process shares.
import type { Clock, Logger } from '#base';
import type { Bus } from '#bus';
import type { Store } from '#store';
import type { Teacher } from '#teacher';
import type { SupersededCheckpoints } from '#train';
import type { ProgressBoard } from './progress.js';
import type { WarmEngine } from './warm-engine.js';

export interface TrainerParts {
  readonly store: Store;
  readonly bus: Bus | undefined;
  readonly engines: WarmEngine;
  readonly superseded: SupersededCheckpoints;
  /** A connection to the teacher-scoring service that refuses any other model. */
  readonly connectTeacher: (fingerprint: string) => Promise<Teacher>;
  readonly board: ProgressBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Identity of this process in records. */
  readonly worker: string;
  /** Aborts when this process is to end: what is done is committed, the rest is left to another attempt. */
  readonly stopping: AbortSignal;
}

/** Who tells the events of this service. */
export const source = 'ddk/student-trainer';
