// What one step did: as the message that is stored and told, and as metrics.
import type { IntervalRecord, StepMetrics } from '#proto/ddk/v1/types';
import { metrics } from '#telemetry';
import type { StepMetrics as EngineMetrics } from '#train';

/** `step` is the run's; the engine's own counts on through forks. */
export function stepMetrics(step: number, done: EngineMetrics, teacherWaitMs: number): StepMetrics {
  return {
    step,
    loss: done.loss,
    crossEntropy: done.ce,
    kl: done.kl,
    gradientNorm: done.gradientNorm,
    learningRate: done.learningRate,
    tokens: BigInt(done.tokens),
    durationMs: done.durationMs,
    teacherWaitMs,
    domains: done.domains.map((d) => ({
      domainId: d.domain,
      crossEntropy: d.ce,
      kl: d.kl,
      tokens: BigInt(d.tokens),
    })),
  };
}

/** Records a step of the interval to telemetry. */
export function recordStep(
  step: StepMetrics,
  { firstStep, endStep }: IntervalRecord,
  domainName: (domainId: number) => string,
): void {
  const seconds = (step.durationMs + step.teacherWaitMs) / 1000;
  metrics.trainStepDuration.record(seconds, {});
  metrics.trainLoss.record(step.loss, {});
  metrics.trainCrossEntropy.record(step.crossEntropy, {});
  metrics.trainDivergence.record(step.kl, {});
  metrics.trainGradientNorm.record(step.gradientNorm, {});
  metrics.trainTokenRate.record(Number(step.tokens) / seconds, {});
  metrics.intervalProgress.record((step.step - firstStep) / (endStep - firstStep), {});
  for (const d of step.domains) metrics.trainTokens.add(Number(d.tokens), { domain: domainName(d.domainId) });
}
