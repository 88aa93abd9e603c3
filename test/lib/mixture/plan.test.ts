// Planning an interval: policies, the rule for interval 0, and the conditions that pause a run.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DdkError } from '#base';
import {
  type DomainMeasurement,
  discrepancyFactors,
  type MixturePolicy,
  type MixtureState,
  perplexityRatio,
  planMixture,
  updateFactors,
  validatePolicy,
} from '#mixture';
import { refusal } from '../../support/refusal.js';

const ddk: MixturePolicy = { kind: 'ddk', alpha: 0.5 };

function measured(studentLosses: readonly number[], tokens = 1000): DomainMeasurement[] {
  return studentLosses.map((studentLoss) => ({ studentLoss, teacherLoss: 1, trainingTokens: tokens }));
}

test('interval 0 draws uniformly and keeps r0 for Eq. 2', () => {
  const measurements = measured([1.9, 1.4, 1.1, 1.0]);
  const { weights, state } = planMixture(ddk, undefined, measurements);
  assert.deepEqual(weights, [0.25, 0.25, 0.25, 0.25]);
  assert.deepEqual(state, { factors: discrepancyFactors(measurements.map(perplexityRatio)), initial: true });
});

test('later intervals draw by r^t of Eq. 2', () => {
  const first = planMixture(ddk, undefined, measured([1.9, 1.4, 1.1]));
  const second = planMixture(ddk, first.state, measured([1.6, 1.4, 1.1]));
  const expected = updateFactors(first.state.factors, measured([1.6, 1.4, 1.1]).map(perplexityRatio), 0.5);
  assert.deepEqual(second.weights, expected);
  assert.deepEqual(second.state, { factors: expected, initial: false });
});

test('a ratio clip makes all larger ratios alike', () => {
  const clipped: MixturePolicy = { kind: 'ddk', alpha: 0.5, ratioClip: 20 };
  const { state } = planMixture(clipped, undefined, measured([8, 9, 1]));
  // ratios exp(7), exp(8), 1 become 20, 20, 1
  const expected = discrepancyFactors([20, 20, 1]);
  assert.deepEqual(state.factors, expected);
});

test('without a clip an untrained student saturates at the cap, as Eq. 2 says', () => {
  const first = planMixture(ddk, undefined, measured([8, 9, 9.5, 7]));
  const second = planMixture(ddk, first.state, measured([8, 9, 9.5, 7]));
  // alpha + (1 - alpha) / N = 0.625 and (1 - alpha) / N = 0.125
  assert.deepEqual(second.weights, [0.125, 0.125, 0.625, 0.125]);
});

test('the plain policies give the same weights in every interval', () => {
  const measurements = [100, 300, 600].map((trainingTokens) => ({
    studentLoss: 2,
    teacherLoss: 1,
    trainingTokens,
  }));
  const policies: readonly (readonly [MixturePolicy, readonly number[]])[] = [
    [{ kind: 'uniform' }, [1 / 3, 1 / 3, 1 / 3]],
    [{ kind: 'natural' }, [0.1, 0.3, 0.6]],
    [{ kind: 'fixed', weights: [1, 1, 2] }, [0.25, 0.25, 0.5]],
  ];
  for (const [policy, expected] of policies) {
    let state: MixtureState | undefined;
    for (let t = 0; t < 3; t++) {
      const plan = planMixture(policy, state, measurements);
      assert.deepEqual(plan.weights, expected);
      state = plan.state;
    }
  }
});

test('a single domain gets everything and is no collapse', () => {
  const first = planMixture({ kind: 'ddk', alpha: 1 }, undefined, measured([5]));
  assert.deepEqual(planMixture({ kind: 'ddk', alpha: 1 }, first.state, measured([5])).weights, [1]);
});

test('a loss that is not finite is refused with the model, the domain and a remedy', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const measurements = [
      { name: 'code', studentLoss: 2, teacherLoss: 1, trainingTokens: 10 },
      { name: 'prose', studentLoss: bad, teacherLoss: 1, trainingTokens: 10 },
    ];
    for (const policy of [ddk, { kind: 'uniform' }] as const) {
      const error = refusal(() => planMixture(policy, undefined, measurements));
      assert.equal(error.code, 'failed_precondition');
      assert.equal(error.reason, 'LOSS_NOT_FINITE');
      assert.match(error.message, /student's validation loss on domain "prose" is .*lower the learning rate/);
    }
  }
  const teacher = refusal(() =>
    planMixture(ddk, undefined, [{ studentLoss: 1, teacherLoss: Number.NaN, trainingTokens: 1 }]),
  );
  assert.match(teacher.message, /teacher's validation loss on domain 0 is NaN/);
});

test('a student too far behind for a ratio of perplexities is refused whatever the policy', () => {
  const measurements = [
    { name: 'code', studentLoss: 2, teacherLoss: 1, trainingTokens: 10 },
    { name: 'prose', studentLoss: 702.25, teacherLoss: 2, trainingTokens: 10 },
  ];
  for (const policy of [ddk, { ...ddk, ratioClip: 20 }, { kind: 'uniform' }] as const) {
    const error = refusal(() => planMixture(policy, undefined, measurements));
    assert.equal(error.code, 'failed_precondition');
    assert.equal(error.reason, 'LOSS_NOT_FINITE');
    assert.match(
      error.message,
      /student's .* on domain "prose" is 702\.250, .*over 700 nats above the teacher's 2\.00000.*learning rate/,
    );
  }
  assert.deepEqual(planMixture(ddk, undefined, measured([699, 2])).state.factors, [1, 0]);
});

test('a mixture that alpha 1 has driven into one domain is refused', () => {
  const policy: MixturePolicy = { kind: 'ddk', alpha: 1 };
  const measurements = measured([4, 1.1, 1.1]);
  const first = planMixture(policy, undefined, measurements);
  const error = refusal(() => planMixture(policy, first.state, measurements));
  assert.equal(error.code, 'failed_precondition');
  assert.equal(error.reason, 'MIXTURE_COLLAPSED');
  assert.match(error.message, /lower mixture\.alpha/);
});

test('a domain without training text is refused unless a fixed weight of 0 leaves it out', () => {
  const measurements = [
    { studentLoss: 2, teacherLoss: 1, trainingTokens: 100 },
    { studentLoss: 2, teacherLoss: 1, trainingTokens: 0 },
  ];
  const policies: readonly MixturePolicy[] = [
    ddk,
    { kind: 'uniform' },
    { kind: 'natural' },
    { kind: 'fixed', weights: [1, 1] },
  ];
  for (const policy of policies) {
    const error = refusal(() => planMixture(policy, undefined, measurements));
    assert.equal(error.reason, 'DOMAIN_EMPTY', policy.kind);
    assert.match(error.message, /domain 1/);
  }
  assert.deepEqual(planMixture({ kind: 'fixed', weights: [3, 0] }, undefined, measurements).weights, [1, 0]);
});

test('domains that changed between intervals are refused', () => {
  const first = planMixture(ddk, undefined, measured([2, 2]));
  const error = refusal(() => planMixture(ddk, first.state, measured([2, 2, 2])));
  assert.equal(error.reason, 'DOMAINS_CHANGED');
  assert.match(error.message, /2 domains, but 3 were measured/);
});

test('stored factors that are no distribution are refused', () => {
  for (const factors of [
    [Number.NaN, 1],
    [-1, 2],
    [0, 0],
  ]) {
    const error = refusal(() => planMixture(ddk, { factors, initial: false }, measured([2, 2])));
    assert.equal(error.code, 'failed_precondition');
  }
});

test('a policy that cannot work is refused with every field at once', () => {
  const error = refusal(() => validatePolicy({ kind: 'ddk', alpha: 1.5, ratioClip: -1 }, 3));
  assert.equal(error.code, 'invalid_argument');
  assert.deepEqual(
    error.violations.map((violation) => violation.field),
    ['mixture.alpha', 'mixture.ratio_clip'],
  );
  for (const weights of [[1], [1, Number.NaN], [1, -1], [0, 0]]) {
    assert.equal(refusal(() => validatePolicy({ kind: 'fixed', weights }, 2)).code, 'invalid_argument');
  }
  assert.equal(refusal(() => planMixture({ kind: 'uniform' }, undefined, [])).code, 'invalid_argument');
});

test('whatever is measured, a plan is a distribution or a typed refusal', () => {
  const anyLoss = fc.double({ min: -10, max: 2000, noDefaultInfinity: true });
  const lists = fc.array(
    fc.record({ studentLoss: anyLoss, teacherLoss: anyLoss, trainingTokens: fc.nat() }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(lists, fc.double({ min: 0, max: 1, noNaN: true }), (measurements, alpha) => {
      let state: MixtureState | undefined;
      try {
        for (let t = 0; t < 4; t++) {
          const plan = planMixture({ kind: 'ddk', alpha }, state, measurements);
          assert.ok(Math.abs(plan.weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12);
          assert.ok(plan.weights.every((weight) => weight >= 1e-6));
          state = plan.state;
        }
      } catch (error) {
        if (!(error instanceof DdkError)) throw error;
        const reasons = ['LOSS_NOT_FINITE', 'MIXTURE_COLLAPSED', 'DOMAIN_EMPTY'];
        assert.ok(reasons.includes(error.reason ?? ''));
      }
    }),
  );
});
