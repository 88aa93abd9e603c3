// Eq. 1 and 2 of DDK: golden values and invariants.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { discrepancyFactors, perplexityRatio, updateFactors } from '#mixture';

// One domain far behind, eight alike, one nearly there.
const ratios = [1.8, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.1];

const ratioList = fc.array(fc.double({ min: 0, max: 5, noNaN: true }), { minLength: 1, maxLength: 12 });
const alphas = fc.double({ min: 0, max: 1, noNaN: true });

function close(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    const where = `at ${i}: ${value} instead of ${expected[i]}`;
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, where);
  });
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const withFactors = ratioList.chain((list) =>
  fc.record({
    list: fc.constant(list),
    previous: fc
      .array(fc.double({ min: 0.001, max: 1, noNaN: true }), {
        minLength: list.length,
        maxLength: list.length,
      })
      .map((raw) => raw.map((value) => value / sum(raw))),
    alpha: alphas,
  }),
);

test('Eq. 1 gives the golden factors', () => {
  // exp(1.8) = 6.0496, exp(1.3) = 3.6693, exp(1.1) = 3.0042; their sum 6.0496 + 8 * 3.6693 + 3.0042 = 38.408
  close(discrepancyFactors(ratios), [0.1575, ...new Array(8).fill(0.0955), 0.0782], 5e-5);
});

test('the first step of Eq. 2 gives the golden factors', () => {
  // psi is softmax(2 * ratio): exp(3.6) / 153.34 = 0.2387, halved and lifted by 0.05 gives 0.1693
  const first = updateFactors(discrepancyFactors(ratios), ratios, 0.5);
  close(first, [0.1693, ...new Array(8).fill(0.0939), 0.0794], 5e-5);
});

test('Eq. 2 settles at the golden fixed point when the gaps stay', () => {
  let factors = discrepancyFactors(ratios);
  for (let t = 0; t < 100; t++) factors = updateFactors(factors, ratios, 0.5);
  close(factors, [0.1937, ...new Array(8).fill(0.0909), 0.0792], 5e-5);
  close(updateFactors(factors, ratios, 0.5), factors, 1e-12);
});

test('alpha 1 lets the largest gap take everything', () => {
  let factors = discrepancyFactors(ratios);
  for (let t = 0; t < 100; t++) factors = updateFactors(factors, ratios, 1);
  assert.ok(factors[0]! > 1 - 1e-9);
});

test('ratios are perplexity ratios, exp of the difference of the losses', () => {
  const measurements = [
    { studentLoss: Math.log(6), teacherLoss: Math.log(4), trainingTokens: 1 },
    { studentLoss: 1000, teacherLoss: 999, trainingTokens: 1 },
  ];
  close(measurements.map(perplexityRatio), [1.5, Math.E], 1e-12);
});

test('losses further apart than a double can hold still give a distribution', () => {
  const measurements = [
    { studentLoss: 5000, teacherLoss: 1, trainingTokens: 1 },
    { studentLoss: 1, teacherLoss: 5000, trainingTokens: 1 },
  ];
  const factors = updateFactors(
    discrepancyFactors(measurements.map(perplexityRatio)),
    measurements.map(perplexityRatio),
    0.5,
  );
  close(factors, [0.75, 0.25], 1e-12);
});

test('huge ratios do not overflow', () => {
  close(updateFactors([0.5, 0.5], [1e300, 1e5], 0.5), [0.75, 0.25], 1e-12);
  close(discrepancyFactors([1e300, 1e300]), [0.5, 0.5], 1e-12);
});

test('a domain whose r0 vanished comes back to the floor', () => {
  const initial = discrepancyFactors([2000, 1]);
  assert.deepEqual(initial, [1, 0]);
  close(updateFactors(initial, [1, 1], 0.5), [0.75, 0.25], 1e-12);
});

test('factors are a distribution', () => {
  fc.assert(
    fc.property(withFactors, ({ list, previous, alpha }) => {
      assert.ok(Math.abs(sum(discrepancyFactors(list)) - 1) < 1e-12);
      assert.ok(Math.abs(sum(updateFactors(previous, list, alpha)) - 1) < 1e-12);
    }),
  );
});

test('every factor stays between the floor (1 - alpha) / N and the cap alpha + (1 - alpha) / N', () => {
  fc.assert(
    fc.property(withFactors, ({ list, previous, alpha }) => {
      const floor = (1 - alpha) / list.length;
      for (const factor of updateFactors(previous, list, alpha)) {
        assert.ok(factor >= floor && factor <= alpha + floor);
      }
    }),
  );
});

test('equal ratios have the uniform mixture as their fixed point', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      alphas,
      (n, ratio, alpha) => {
        const equal = new Array<number>(n).fill(ratio);
        const uniform = new Array<number>(n).fill(1 / n);
        close(discrepancyFactors(equal), uniform, 1e-12);
        close(updateFactors(uniform, equal, alpha), uniform, 1e-12);
      },
    ),
  );
});

test('equal ratios draw any mixture towards uniform when alpha is below 1', () => {
  let factors: number[] = [0.9, 0.05, 0.05];
  for (let t = 0; t < 60; t++) factors = updateFactors(factors, [1.2, 1.2, 1.2], 0.5);
  close(factors, [1 / 3, 1 / 3, 1 / 3], 1e-12);
});

test('alpha 0 is uniform whatever was measured', () => {
  fc.assert(
    fc.property(withFactors, ({ list, previous }) => {
      close(updateFactors(previous, list, 0), new Array<number>(list.length).fill(1 / list.length), 1e-15);
    }),
  );
});

test('permuting the domains permutes the factors', () => {
  fc.assert(
    fc.property(withFactors, fc.infiniteStream(fc.nat()), ({ list, previous, alpha }, keys) => {
      const order = list.map((_, i) => ({ i, key: keys.next().value as number }));
      order.sort((a, b) => a.key - b.key || a.i - b.i);
      const permuted = (values: readonly number[]) => order.map(({ i }) => values[i]!);
      close(discrepancyFactors(permuted(list)), permuted(discrepancyFactors(list)), 1e-12);
      close(
        updateFactors(permuted(previous), permuted(list), alpha),
        permuted(updateFactors(previous, list, alpha)),
        1e-12,
      );
    }),
  );
});

test('adding a constant to every ratio changes nothing', () => {
  fc.assert(
    fc.property(
      withFactors,
      fc.double({ min: -3, max: 100, noNaN: true }),
      ({ list, previous, alpha }, constant) => {
        const shifted = list.map((ratio) => ratio + constant);
        close(discrepancyFactors(shifted), discrepancyFactors(list), 1e-12);
        close(updateFactors(previous, shifted, alpha), updateFactors(previous, list, alpha), 1e-12);
      },
    ),
  );
});

test('a larger ratio never gets the smaller share, other things equal', () => {
  fc.assert(
    fc.property(ratioList, alphas, (list, alpha) => {
      const uniform = new Array<number>(list.length).fill(1 / list.length);
      const factors = updateFactors(uniform, list, alpha);
      for (const [i, ratio] of list.entries()) {
        for (const [j, other] of list.entries()) {
          assert.ok(ratio < other || factors[i]! >= factors[j]! - 1e-15);
        }
      }
    }),
  );
});
