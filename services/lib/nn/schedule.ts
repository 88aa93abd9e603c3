// The learning rate of each step: linear warm-up, then half a cosine. Computed on the host, fed to the graph as a scalar.

export interface LearningRateSchedule {
  readonly peak: number;
  /** Reached at totalSteps and kept after it. */
  readonly minimum: number;
  /** The peak is reached at this step; 0 starts at the peak. */
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** @param step counts from 1. */
export function learningRate(schedule: LearningRateSchedule, step: number): number {
  const { peak, minimum, warmupSteps, totalSteps } = schedule;
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  if (step >= totalSteps) return minimum;
  const progress = (step - warmupSteps) / (totalSteps - warmupSteps);
  return minimum + 0.5 * (peak - minimum) * (1 + Math.cos(Math.PI * progress));
}
