// Whether the teacher answers: a check of health for services that cannot work without it.
import type { Clock } from '#base';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { answerCheck, createClient, type Security } from '#rpc';

export interface TeacherCheckOptions {
  readonly address: string;
  readonly security: Security;
  /** A good answer younger than this is not asked for again. Default 5 s. */
  readonly maxAgeMs?: number;
  /** Default 2 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

export interface TeacherCheck {
  /** Resolves with a remark on what is served; `unavailable` where nobody answers in time. */
  check(signal?: AbortSignal): Promise<string>;
  close(): void;
}

/** Connects at the first check. */
export async function openTeacherCheck({
  address,
  security,
  ...timing
}: TeacherCheckOptions): Promise<TeacherCheck> {
  const client = await createClient(TeacherScoringServiceService, address, { security });
  return {
    check: answerCheck({
      what: 'the teacher',
      address,
      ask: async (how) => `${address} serves ${(await client.describeModel({}, how)).fingerprint}`,
      ...timing,
    }),
    close: () => client.close(),
  };
}
