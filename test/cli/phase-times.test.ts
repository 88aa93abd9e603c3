// How the time of runs divides, by a clock of the test's.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RunState } from '#proto/ddk/v1/types';
import { PhaseTimes } from '../../services/cli/demo/phase-times.js';
import { sampleRun } from './run-fixture.js';

test('measuring has its share of the time that runs were watched at work, and none of the time between', () => {
  let nowMs = 0;
  const times = new PhaseTimes(() => nowMs);
  const change = (atMs: number, state: RunState): void => {
    nowMs = atMs;
    times.change(sampleRun({ state }));
  };
  // A run that is over already, as one that is reused.
  change(0, RunState.SUCCEEDED);
  assert.equal(times.measuringShare, undefined);
  change(100, RunState.MEASURING);
  change(110, RunState.TRAINING);
  // The same state again.
  change(150, RunState.TRAINING);
  change(190, RunState.PAUSED);
  change(1000, RunState.MEASURING);
  change(1010, RunState.EXPORTING);
  change(1020, RunState.SUCCEEDED);
  change(5000, RunState.SUCCEEDED);
  assert.equal(times.measuringShare, 20 / 110);
});
