// What a terminal and a log show while a run goes on: how far it is, what is left, and every domain's gap.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { RunProgress } from '#proto/ddk/v1/events';
import { type Run, RunState } from '#proto/ddk/v1/types';
import { barLine, gapLine } from '../../services/cli/display/live-lines.js';
import { left, Narrator, type Standing } from '../../services/cli/display/narrate.js';
import { plainDisplay } from '../../services/cli/display/plain.js';
import { terminalDisplay } from '../../services/cli/display/terminal.js';
import { measuredInterval, pastOf, sampleRun } from './run-fixture.js';

const stepOf = (interval: number, step: number): RunProgress =>
  RunProgress.fromPartial({
    interval,
    progress: {
      $case: 'step',
      value: { step, loss: 2.5, crossEntropy: 2, kl: 0.5, tokens: 2400n, durationMs: 100 },
    },
  });

const windowsOf = (interval: number, done: number): RunProgress =>
  RunProgress.fromPartial({
    interval,
    progress: { $case: 'evaluation', value: { windowsDone: BigInt(done), windowsTotal: 40n } },
  });

/** The run as it is measured before, or trained in, an interval. */
const inState = (state: Run['state'], interval: number): Run =>
  sampleRun({
    state,
    interval,
    intervals: Array.from({ length: interval + (state === RunState.TRAINING ? 1 : 0) }, (_, i) =>
      measuredInterval(i, [1.652, 1.633]),
    ),
  });

/** What a terminal is told to clear everything below. */
const clearDown = '\x1b[0J';

test('what is left of a run is the steps of all its intervals and the measurements to come', () => {
  let nowMs = 0;
  const narrator = new Narrator(() => nowMs);
  const standing = (run: Run, progress: RunProgress): Standing => {
    const found = narrator.standing(run, progress);
    assert.ok(found);
    return found;
  };
  const measuring = inState(RunState.MEASURING, 0);
  narrator.change(measuring, pastOf(measuring));
  standing(measuring, windowsOf(0, 0));
  nowMs = 1000;
  // A quarter in one second; how long training takes nobody knows yet.
  assert.deepEqual(standing(measuring, windowsOf(0, 10)), {
    title: 'measuring',
    done: 10,
    total: 40,
    unit: 'windows',
    left: '3 s left',
    details: [],
  });
  nowMs = 4000;
  const training = inState(RunState.TRAINING, 0);
  narrator.change(training, pastOf(training));
  assert.equal(standing(training, stepOf(0, 1)).left, '');
  nowMs = 6000;
  // 2 s a step: 28 more steps, and three measurements of 4 s.
  const trained = standing(training, stepOf(0, 2));
  assert.equal(trained.total, 30);
  assert.equal(trained.left, left(28 * 2000 + 3 * 4000));
  assert.deepEqual(trained.details, ['loss 2.500 ce 2.000 kl 0.500', '24.0k tokens/s']);
  nowMs = 22_000;
  standing(training, stepOf(0, 10));
  const again = inState(RunState.MEASURING, 1);
  narrator.change(again, pastOf(again));
  standing(again, windowsOf(1, 0));
  nowMs = 24_000;
  // 2 s of this one, 20 steps, two more measurements.
  const remeasured = standing(again, windowsOf(1, 20));
  assert.equal(remeasured.left, '2 s left');
  assert.deepEqual(remeasured.details, [`${left(2000 + 20 * 2000 + 2 * 4000)} in all`]);
  nowMs = 26_000;
  const next = inState(RunState.TRAINING, 1);
  narrator.change(next, pastOf(next));
  // The measurement in between has slowed nothing down.
  assert.equal(standing(next, stepOf(1, 11)).left, left(19 * 2000 + 2 * 4000));
});

test('a line of progress keeps what is left, and gives up details and width of the bar for it', () => {
  const standing: Standing = {
    title: 'training',
    done: 1234,
    total: 30_000,
    unit: 'steps',
    left: '23 min 10 s left',
    details: ['loss 5.123 ce 4.012 kl 1.234', '12.3k tokens/s'],
  };
  const wide = barLine(standing, 200);
  assert.match(wide, /^training █░{23} 1234\/30000 steps · 23 min 10 s left · loss .* · 12.3k tokens\/s$/);
  const usual = barLine(standing, 100);
  assert.ok(usual.length < 100);
  assert.match(usual, /steps · 23 min 10 s left · loss 5.123 ce 4.012 kl 1.234/);
  const narrow = barLine(standing, 60);
  assert.match(narrow, /^training █░+ 1234\/30000 steps · 23 min 10 s left$/);
  assert.ok(barLine(standing, 10).length < 10);
});

test('the gaps stand in one line, and the largest of them where there is no room for all', () => {
  assert.equal(gapLine(inState(RunState.MEASURING, 0), 100), '');
  assert.equal(gapLine(inState(RunState.TRAINING, 0), 100), 'gaps  code 1.652  prose 1.633');
  const many = sampleRun({ intervals: [measuredInterval(0, [1.1, 1.4, 1.3, 1.2])] });
  assert.equal(gapLine(many, 42), 'gaps  prose 1.400  and 3 smaller');
});

test('a terminal shows progress, what is left and every gap at once', async () => {
  const written: string[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 100 });
  stream.on('data', (chunk: Buffer) => written.push(chunk.toString('utf8')));
  const display = terminalDisplay(
    { out: () => {}, err: (text) => void stream.write(text) },
    stream as unknown as NodeJS.WriteStream,
  );
  const run = inState(RunState.TRAINING, 1);
  try {
    display.run(run, pastOf(run));
    display.progress(run, stepOf(1, 11));
    await new Promise((resolve) => setTimeout(resolve, 600));
    display.progress(run, stepOf(1, 12));
    await new Promise((resolve) => setTimeout(resolve, 300));
  } finally {
    display.close();
  }
  const text = written.join('');
  // Drawn together, then only what changes is drawn again, in its place.
  assert.match(text, /training █+░+ 11\/30 steps · loss .*\n.*gaps {2}code 1\.652 {2}prose 1\.633/);
  const redrawn = text.slice(text.indexOf('gaps '));
  const bar = redrawn.search(/training █+░+ 12\/30 steps · \d+ s left · loss/);
  assert.ok(bar >= 0, text);
  assert.ok(!redrawn.slice(0, bar).includes(clearDown), text);
});

test('a terminal that says it has no width is taken for one of 80 columns', async () => {
  const written: string[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 0 });
  stream.on('data', (chunk: Buffer) => written.push(chunk.toString('utf8')));
  const display = terminalDisplay({ out: () => {}, err: () => {} }, stream as unknown as NodeJS.WriteStream);
  try {
    display.task('reading', 'MB').update(1, 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
  } finally {
    display.close();
  }
  assert.match(written.join(''), /reading █+░+ 1\/2 MB/);
});

test('plain lines say what is left of a task, without what was done before', async () => {
  const said: string[] = [];
  const display = plainDisplay({ out: () => {}, err: (text) => void said.push(text) }, 0);
  const task = display.task('training the teacher', 'steps');
  task.update(900, 1000);
  await new Promise((resolve) => setTimeout(resolve, 600));
  task.update(960, 1000, 'loss 2.1');
  task.end();
  assert.equal(said[0], 'training the teacher: 900 of 1000 steps\n');
  assert.equal(said[1], 'training the teacher: 960 of 1000 steps · 1 s left · loss 2.1\n');
});
