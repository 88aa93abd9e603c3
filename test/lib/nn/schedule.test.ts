import assert from 'node:assert/strict';
import test from 'node:test';
import { type LearningRateSchedule, learningRate } from '#nn';

const schedule: LearningRateSchedule = { peak: 3e-5, minimum: 3e-6, warmupSteps: 1000, totalSteps: 30_000 };

function closeTo(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 1e-12, `${actual} is not ${expected}`);
}

test('warm-up is linear from the first step and ends at the peak', () => {
  closeTo(learningRate(schedule, 1), 3e-8);
  closeTo(learningRate(schedule, 500), 1.5e-5);
  closeTo(learningRate(schedule, 1000), 3e-5);
});

test('half-way through the cosine the rate is the mean of peak and minimum', () => {
  // 1000 + 29000 / 2 = 15500, where cos(pi / 2) = 0.
  closeTo(learningRate(schedule, 15_500), (3e-5 + 3e-6) / 2);
  // A third of the way: cos(pi / 3) = 1/2, so three quarters of the way down from the minimum's side.
  closeTo(learningRate({ ...schedule, totalSteps: 31_000 }, 11_000), 3e-6 + 0.75 * 2.7e-5);
});

test('the minimum is reached at the last step and kept', () => {
  assert.equal(learningRate(schedule, 30_000), 3e-6);
  assert.equal(learningRate(schedule, 40_000), 3e-6);
});

test('without warm-up the first step is near the peak, and a run that is all warm-up never divides by zero', () => {
  const cold = { peak: 1, minimum: 0, warmupSteps: 0, totalSteps: 10 };
  closeTo(learningRate(cold, 1), 0.5 * (1 + Math.cos(Math.PI / 10)));
  assert.equal(learningRate({ ...cold, warmupSteps: 10 }, 10), 1);
  assert.equal(learningRate({ ...cold, warmupSteps: 10 }, 11), 0);
});
