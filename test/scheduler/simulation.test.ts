// Faults by the thousand: whatever is lost, repeated, reordered or killed, the run ends as if nothing had been.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Bug, intervals, stepsPerInterval, World } from './simulation.js';

const seeds = 2000;
const disturbances = 200;
/** Rounds in which nothing goes wrong that suffice from any state: two an interval's phase, with room for retries. */
const healingRounds = 60;

function undisturbed(): World {
  const world = new World(1);
  for (let round = 0; round < healingRounds; round++) world.heal();
  return world;
}

/** What a run has come to, apart from the attempts and times it took. */
function outcome({ state, history }: World): unknown {
  const { phase, interval, intervalsPlanned, checkpointDigest, best, exportDigest } = state;
  const lineage = history.map(({ measuredAt: _, trainedAt: __, ...rest }) => rest);
  return { phase, interval, intervalsPlanned, checkpointDigest, best, exportDigest, lineage };
}

function simulate(seed: number, expected: unknown, bug: Bug = 'none'): World {
  const world = new World(seed, bug);
  for (let i = 0; i < disturbances; i++) world.disturb();
  for (let round = 0; round < healingRounds && world.state.phase.kind !== 'succeeded'; round++) world.heal();
  assert.deepEqual(outcome(world), expected);
  return world;
}

test('the undisturbed world trains every step once', () => {
  const { state } = undisturbed();
  assert.equal(state.phase.kind, 'succeeded');
  assert.equal(state.checkpointDigest.split(' ').length - 1, intervals * stepsPerInterval);
});

test(`${seeds} disturbed worlds come to the same end`, () => {
  const expected = outcome(undisturbed());
  for (let seed = 0; seed < seeds; seed++) {
    try {
      simulate(seed, expected);
    } catch (error) {
      const world = new World(seed);
      try {
        for (let i = 0; i < disturbances; i++) world.disturb();
      } catch {
        // The same error again; the trace up to it is what is wanted.
      }
      throw new Error(`seed ${seed}: ${error}\n${world.trace.join('\n')}`, { cause: error });
    }
  }
});

for (const bug of [
  'no fence',
  'assigns without looking',
  'takes any report for its own',
  'keeps intervals after the run is saved',
  'keeps intervals that are not committed',
] as const) {
  test(`a planted bug is found: ${bug}`, () => {
    const expected = outcome(undisturbed());
    const found = Array.from({ length: 200 }, (_, seed) => seed).some((seed) => {
      try {
        simulate(seed, expected, bug);
        return false;
      } catch {
        return true;
      }
    });
    assert.ok(found);
  });
}
