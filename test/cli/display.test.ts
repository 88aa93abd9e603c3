// Estimates, tables and CSV as people and scripts read them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RunState } from '#proto/ddk/v1/types';
import { chooseVoice } from '../../services/cli/display/display.js';
import { Estimate } from '../../services/cli/display/estimate.js';
import { jsonDisplay, toJson } from '../../services/cli/display/json.js';
import { RunPast } from '../../services/cli/display/run-past.js';
import { table } from '../../services/cli/display/table.js';
import { sampleRun } from './run-fixture.js';

test('an estimate follows the speed of late, not of the slow start', () => {
  const estimate = new Estimate(10_000);
  assert.equal(estimate.leftMs(100), undefined);
  estimate.add(0, 0);
  estimate.add(60_000, 1);
  // From here on one unit a second.
  for (let s = 1; s <= 20; s++) estimate.add(60_000 + s * 1000, 1 + s);
  assert.equal(estimate.rate(), 1);
  assert.equal(estimate.leftMs(31), 10_000);
});

test('an estimate starts over when the count goes back', () => {
  const estimate = new Estimate();
  estimate.add(0, 50);
  estimate.add(1000, 60);
  estimate.add(2000, 5);
  assert.equal(estimate.rate(), undefined);
});

test('an estimate counts nothing that was done before it began', () => {
  const estimate = new Estimate();
  // Continued after 900 of 1000 steps; 10 steps a second from there.
  estimate.add(0, 900);
  estimate.add(1000, 910);
  assert.equal(estimate.leftMs(1000), 9_000);
});

test('a rest is no part of the speed, and the speed before it holds until there is a new one', () => {
  const estimate = new Estimate();
  estimate.add(0, 0);
  estimate.add(1000, 10);
  estimate.rest();
  assert.equal(estimate.leftMs(30, 10), 2_000);
  estimate.add(60_000, 11);
  assert.equal(estimate.rate(), 10);
  estimate.add(61_000, 16);
  assert.equal(estimate.rate(), 5);
});

test('a thousand samples a second are as good as a few', () => {
  const estimate = new Estimate(1000);
  for (let ms = 0; ms <= 4000; ms++) estimate.add(ms, ms / 10);
  assert.equal(estimate.rate(), 100);
});

test('a table aligns its columns', () => {
  const text = table(
    [
      { title: 'a', align: 'left' },
      { title: 'b', align: 'right' },
    ],
    [
      ['long name', '1'],
      ['x', '10.5'],
    ],
  );
  assert.equal(text, ['a             b', '─────────  ────', 'long name     1', 'x          10.5'].join('\n'));
});

test('JSON lines are the JSON of protocol buffers: counts of 64 bits and what is no number as text, enums by name', () => {
  const run = { state: RunState.PAUSED, bestLoss: Number.NaN, createdAt: new Date(0) };
  assert.equal(
    toJson({ type: 'run', run, runs: [{ tokens: 12n, loss: Number.POSITIVE_INFINITY }] }),
    '{"type":"run","run":{"state":"RUN_STATE_PAUSED","bestLoss":"NaN","createdAt":"1970-01-01T00:00:00.000Z"},"runs":[{"tokens":"12","loss":"Infinity"}]}',
  );
});

test('every kind of line is written so', () => {
  const lines: string[] = [];
  const display = jsonDisplay((line) => void lines.push(line));
  const run = sampleRun({ state: RunState.MEASURING });
  display.run(run, new RunPast());
  const evaluation = { windowsDone: 1n, windowsTotal: 4n };
  display.progress(run, { interval: 0, progress: { $case: 'evaluation', value: evaluation } });
  display.result('', { run, gaps: [{ ratio: Number.POSITIVE_INFINITY }] });
  assert.doesNotMatch(lines.join(''), /\$case|"state":\d|null/);
  const [changed, progress, result] = lines.map((line) => JSON.parse(line));
  assert.equal(changed.run.state, 'RUN_STATE_MEASURING');
  assert.deepEqual(progress, {
    type: 'progress',
    interval: 0,
    evaluation: { windowsDone: '1', windowsTotal: '4' },
  });
  assert.equal(result.result.gaps[0].ratio, 'Infinity');
});

test('scripts get JSON, terminals a bar, pipes plain lines', () => {
  assert.equal(chooseVoice({ json: true, terminal: true }), 'json');
  assert.equal(chooseVoice({ json: false, terminal: true }), 'terminal');
  assert.equal(chooseVoice({ json: false, terminal: false }), 'plain');
});
