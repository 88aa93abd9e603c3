// Whether another service answers: a check of health, and the sentence for when it does not.
import { type Clock, DdkError, systemClock } from '#base';

/** Another service, as sentences name it. */
export interface Dependency {
  /** Such as `the teacher`. */
  readonly what: string;
  readonly address: string;
  /** Completes "...; ": what to do where it does not answer. */
  readonly remedy?: string;
}

export interface AnswerCheckOptions extends Dependency {
  /** Resolves with a remark on what answered. */
  readonly ask: (options: { readonly timeoutMs: number; readonly signal?: AbortSignal }) => Promise<string>;
  /** A good answer younger than this is not asked for again. Default 5 s. */
  readonly maxAgeMs?: number;
  /** Default 2 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** Resolves with the remark; `unavailable` where nobody answers in time. */
export function answerCheck(options: AnswerCheckOptions): (signal?: AbortSignal) => Promise<string> {
  const { ask, maxAgeMs = 5_000, timeoutMs = 2_000, clock = systemClock } = options;
  let last: { readonly atMs: number; readonly remark: string } | undefined;
  return async (signal) => {
    if (last !== undefined && clock.monotonicMs() - last.atMs < maxAgeMs) return last.remark;
    last = undefined;
    try {
      last = {
        remark: await ask({ timeoutMs, ...(signal && { signal }) }),
        atMs: clock.monotonicMs(),
      };
      return last.remark;
    } catch (thrown) {
      throw noAnswer(options, thrown);
    }
  };
}

/** The error of a call that another service did not answer. */
export function noAnswer({ what, address, remedy }: Dependency, thrown: unknown): DdkError {
  const why = DdkError.from(thrown).message.replace(/(?:; is it running\?|\.)$/, '');
  const end = remedy === undefined ? '' : `; ${remedy}.`;
  return new DdkError('unavailable', `${what} at ${address} does not answer: ${why}${end}`, {
    cause: thrown,
  });
}
