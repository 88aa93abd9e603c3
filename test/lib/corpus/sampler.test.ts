import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Cursors, initialCursors, planStep } from '#corpus';

interface Run {
  readonly rows: { domain: number; window: number }[];
  readonly cursors: Cursors;
}

const setting = fc
  .record({
    seed: fc.maxSafeNat(),
    domains: fc.array(fc.record({ weight: fc.nat(100), windows: fc.integer({ min: 1, max: 30 }) }), {
      minLength: 1,
      maxLength: 5,
    }),
    rows: fc.integer({ min: 1, max: 9 }),
  })
  .filter(({ domains }) => domains.some(({ weight }) => weight > 0))
  .map(({ seed, rows, domains }) => {
    const total = domains.reduce((sum, { weight }) => sum + weight, 0);
    return {
      seed,
      rows,
      weights: domains.map(({ weight }) => weight / total),
      windows: domains.map((d) => d.windows),
    };
  });

function run(options: Omit<Parameters<typeof planStep>[0], 'step'>, first: number, last: number): Run {
  const rows: Run['rows'] = [];
  let { cursors } = options;
  for (let step = first; step <= last; step++) {
    const plan = planStep({ ...options, step, cursors });
    rows.push(...plan.rows);
    cursors = plan.cursors;
  }
  return { rows, cursors };
}

test('a run that continues from cursors draws what a straight run draws', () => {
  fc.assert(
    fc.property(setting, fc.integer({ min: 1, max: 12 }), (options, stop) => {
      const cursors = initialCursors(options.weights.length);
      const straight = run({ ...options, cursors }, 1, 12);
      const before = run({ ...options, cursors }, 1, stop);
      const after = run({ ...options, cursors: before.cursors }, stop + 1, 12);
      assert.deepEqual([...before.rows, ...after.rows], straight.rows);
      assert.deepEqual(after.cursors, straight.cursors);
    }),
    { seed: 10 },
  );
});

test('each pass visits every window of a domain once, and passes differ in order', () => {
  fc.assert(
    fc.property(setting, (options) => {
      const { rows, cursors } = run({ ...options, cursors: initialCursors(options.weights.length) }, 1, 40);
      for (const [domain, windows] of options.windows.entries()) {
        const visited = rows.filter((row) => row.domain === domain).map((row) => row.window);
        assert.equal(visited.length, cursors.drawn[domain]);
        for (let start = 0; start + windows <= visited.length; start += windows) {
          const pass = visited.slice(start, start + windows);
          assert.deepEqual(
            pass.toSorted((a, b) => a - b),
            Array.from({ length: windows }, (_, i) => i),
          );
        }
      }
    }),
    { seed: 11 },
  );
  const { rows } = run({ seed: 3, rows: 60, weights: [1], windows: [30], cursors: initialCursors(1) }, 1, 1);
  assert.notDeepEqual(rows.slice(0, 30), rows.slice(30));
});

test('domains are drawn as often as their weights say', () => {
  const weights = [0.5, 0.3, 0, 0.2];
  const options = { seed: 5, rows: 100, weights, windows: [7, 1000, 0, 50], cursors: initialCursors(4) };
  const { cursors } = run(options, 1, 200);
  for (const [domain, weight] of weights.entries()) {
    // 20,000 draws: four standard deviations of a share p are 4 * sqrt(p (1 - p) / 20,000) <= 0.0142.
    assert.ok(
      Math.abs(cursors.drawn[domain]! / 20_000 - weight) <= 4 * Math.sqrt((weight * (1 - weight)) / 20_000),
    );
  }
  assert.equal(cursors.drawn[2], 0, 'a domain of weight zero is never drawn, so it may have no windows');
});

test('a step is the same whatever came before it, but for how far the domains were read', () => {
  const options = { seed: 5, rows: 8, weights: [0.5, 0.5], windows: [100, 100] };
  const domains = (drawn: number[]) =>
    planStep({ ...options, step: 9, cursors: { drawn } }).rows.map((row) => row.domain);
  assert.deepEqual(domains([0, 0]), domains([70, 13]));
});

test('the plan does not change the cursors it is given', () => {
  const cursors = Object.freeze({ drawn: Object.freeze([0]) });
  assert.deepEqual(
    planStep({ seed: 1, step: 1, rows: 4, weights: [1], windows: [3], cursors }).cursors.drawn,
    [4],
  );
});

test('the draws of version 1 of the sampler', () => {
  // Runs that exist must go on as they began, so these may never change.
  const plan = planStep({
    seed: 42,
    step: 7,
    rows: 6,
    weights: [0.25, 0.75],
    windows: [10, 1000],
    cursors: { drawn: [9, 100] },
  });
  assert.deepEqual(
    plan.rows.map(({ domain, window }) => [domain, window]),
    [
      [1, 658],
      [1, 60],
      [0, 9],
      [1, 968],
      [1, 382],
      [1, 404],
    ],
  );
});

test('what cannot be a plan is refused with the reason', () => {
  const sound = {
    seed: 1,
    step: 1,
    rows: 2,
    weights: [0.5, 0.5],
    windows: [3, 3],
    cursors: initialCursors(2),
  };
  const refused: readonly (readonly [change: Partial<typeof sound>, message: RegExp])[] = [
    [{ weights: [1] }, /1 weights, 2 window counts and 2 cursors/],
    [{ seed: -1 }, /seed -1 and step 1 must be whole numbers/],
    [{ rows: 0 }, /0 is not a number of rows/],
    [{ weights: [Number.NaN, 1] }, /weights \[NaN, 1\] must be finite/],
    [{ weights: [-1, 2] }, /not negative/],
    [{ weights: [0, 0] }, /not all zero/],
    [{ windows: [3, 0] }, /domain 1 has weight 0.5 and no window to draw/],
    [{ cursors: { drawn: [0, 0.5] } }, /cursors \[0, 0.5\] are not counts/],
  ];
  for (const [change, message] of refused) {
    assert.throws(() => planStep({ ...sound, ...change }), { code: 'invalid_argument', message });
  }
});
