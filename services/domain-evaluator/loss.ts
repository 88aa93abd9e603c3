// The loss of one domain: the mean cross-entropy over the counted positions of its held-out windows.
import { assert, DdkError } from '#base';
import type { Window } from '#corpus';

const remedies = {
  student: 'go on from an earlier checkpoint with a lower learning rate, or from another student',
  teacher: 'look at it with `ddk generate`, and give another teacher',
} as const;

/** Log-probabilities in nats of the labels of some windows, [B * T], row by row. */
export type LabelScorer = (windows: readonly Window[]) => Promise<Float32Array>;

export interface DomainLoss {
  /** Nats a counted position. */
  readonly loss: number;
  readonly positions: number;
}

export interface LossOptions {
  /** For messages. */
  readonly who: 'student' | 'teacher';
  readonly domain: string;
  /** Windows scored at once. */
  readonly batch: number;
  /** Told how many windows were scored. */
  readonly onScored: (windows: number) => void;
}

/**
 * Scores a domain's windows; sums in float64, in the order of the windows. Throws failed_precondition with reason
 * LOSS_NOT_FINITE or DOMAIN_EMPTY.
 */
export async function meanLoss(
  windows: AsyncIterable<Window>,
  score: LabelScorer,
  { who, domain, batch, onScored }: LossOptions,
): Promise<DomainLoss> {
  let sum = 0;
  let positions = 0;
  for await (const some of inBatches(windows, batch)) {
    const logProbs = await score(some);
    let at = 0;
    for (const { mask } of some) {
      for (const counts of mask) {
        if (counts === 1) {
          sum -= logProbs[at]!;
          positions += 1;
        }
        at += 1;
      }
    }
    assert(at === logProbs.length, 'every position has a log-probability');
    onScored(some.length);
  }
  if (positions === 0) {
    throw new DdkError(
      'failed_precondition',
      `The held-out text of domain "${domain}" has no position that counts; give it more text.`,
      { reason: 'DOMAIN_EMPTY' },
    );
  }
  const loss = sum / positions;
  if (!Number.isFinite(loss)) {
    throw new DdkError(
      'failed_precondition',
      `The ${who}'s loss on domain "${domain}" is ${loss}, so its weights or its arithmetic are broken; ${remedies[who]}.`,
      { reason: 'LOSS_NOT_FINITE' },
    );
  }
  return { loss, positions };
}

async function* inBatches(windows: AsyncIterable<Window>, size: number): AsyncGenerator<readonly Window[]> {
  let batch: Window[] = [];
  for await (const window of windows) {
    batch.push(window);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
