// Whether the teacher answers: a check of health for services that cannot work without it.
import { type Clock, DdkError, systemClock } from '#base';
import { TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient, type Security } from '#rpc';

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
export async function openTeacherCheck(options: TeacherCheckOptions): Promise<TeacherCheck> {
  const { address, security, maxAgeMs = 5_000, timeoutMs = 2_000, clock = systemClock } = options;
  const client = await createClient(TeacherScoringServiceService, address, { security });
  let last: { readonly atMs: number; readonly remark: string } | undefined;
  return {
    async check(signal) {
      if (last !== undefined && clock.monotonicMs() - last.atMs < maxAgeMs) return last.remark;
      last = undefined;
      try {
        const { fingerprint } = await client.describeModel({}, { timeoutMs, ...(signal && { signal }) });
        last = { atMs: clock.monotonicMs(), remark: `${address} serves ${fingerprint}` };
        return last.remark;
      } catch (thrown) {
        const { message } = DdkError.from(thrown);
        throw new DdkError('unavailable', `the teacher at ${address} does not answer: ${message}`);
      }
    },
    close: () => client.close(),
  };
}
