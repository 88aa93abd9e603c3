// A step's metrics, from the losses of its positions. Sums are float64 on the host.
import { DdkError } from '#base';
import { klFactor } from '#nn';
import type { StepBatch } from './batch.js';
import type { StepSpec } from './spec.js';

/** Means over counted positions, in nats. */
export interface LossMeans {
  /** ce + gamma [temperature^2] kl: what is minimised. */
  readonly loss: number;
  readonly ce: number;
  readonly kl: number;
  /** Counted positions. */
  readonly tokens: number;
}

export interface DomainMetrics extends LossMeans {
  readonly domain: number;
}

export interface StepMetrics extends LossMeans {
  /** Counts from 1. */
  readonly step: number;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Domains that had a counted position, by index. */
  readonly domains: readonly DomainMetrics[];
  readonly durationMs: number;
}

/** What the program reports of a step. */
export interface StepReadings {
  /** [N] nats, unweighted. */
  readonly ce_N: Float32Array;
  readonly kl_N: Float32Array;
  readonly gradientNorm: number;
}

export type LossMetrics = Pick<StepMetrics, 'loss' | 'ce' | 'kl' | 'tokens' | 'domains'>;

/** Means over the step and by domain. */
export function lossMetrics(spec: StepSpec, batch: StepBatch, { ce_N, kl_N }: StepReadings): LossMetrics {
  const sums = new Map<number, { ce: number; kl: number; tokens: number }>();
  for (let position = 0; position < batch.mask_N.length; position++) {
    if (!batch.mask_N[position]) continue;
    const domain = batch.domains[Math.floor(position / spec.length)] ?? 0;
    const sum = sums.get(domain) ?? { ce: 0, kl: 0, tokens: 0 };
    sum.ce += ce_N[position] ?? Number.NaN;
    sum.kl += kl_N[position] ?? Number.NaN;
    sum.tokens += 1;
    sums.set(domain, sum);
  }
  const total = { ce: 0, kl: 0, tokens: 0 };
  for (const { ce, kl, tokens } of sums.values()) {
    total.ce += ce;
    total.kl += kl;
    total.tokens += tokens;
  }
  const factor = klFactor(spec.objective);
  const means = ({ ce, kl, tokens }: typeof total): LossMeans => ({
    loss: (ce + factor * kl) / tokens,
    ce: ce / tokens,
    kl: kl / tokens,
    tokens,
  });
  const domains = [...sums].sort(([a], [b]) => a - b).map(([domain, sum]) => ({ domain, ...means(sum) }));
  return { ...means(total), domains };
}

/** Throws `failed_precondition` with reason LOSS_NOT_FINITE unless loss and gradient norm are finite. */
export function requireFinite(step: number, loss: number, gradientNorm: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new DdkError(
    'failed_precondition',
    `step ${step} has loss ${loss} and gradient norm ${gradientNorm}; its update was discarded: ` +
      'lower the learning rate, clip the gradient, or look at the data and targets of this step',
    { reason: 'LOSS_NOT_FINITE' },
  );
}
