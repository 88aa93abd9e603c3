// A run's past in the command line: read once, followed as the run goes on, and told as if the run had all of it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError } from '#base';
import type { WatchRunResponse } from '#proto/ddk/v1/scheduler';
import { type Interval, type Run, RunState } from '#proto/ddk/v1/types';
import { openMemoryStore } from '#store';
import { gapTable } from '../../services/cli/display/describe-run.js';
import type { Display } from '../../services/cli/display/display.js';
import { RunPast } from '../../services/cli/display/run-past.js';
import type { SchedulerClient } from '../../services/cli/embedded.js';
import { followRun } from '../../services/cli/follow.js';
import { type History, servedHistory, storedHistory } from '../../services/cli/history.js';
import { reportData } from '../../services/cli/report-of-run.js';
import { archiveIntervals } from '../../services/scheduler/history.js';
import { measuredInterval, pastOf, sampleRun } from './run-fixture.js';

const length = 40;

/** Every interval of a run that was trained to its end, and its last measurement. */
const intervals = Array.from({ length: length + 1 }, (_, index): Interval => {
  const interval = measuredInterval(index, [2 - index / 100, 1.5 + index / 200]);
  return index === length
    ? { ...interval, weights: [] }
    : { ...interval, checkpointDigest: `sha256:${index}`, windowsDrawn: [BigInt(index), 7n] };
});

/** The run as it is measured before an interval, or after the last. */
function measuredBefore(interval: number): Run {
  return sampleRun({
    state: interval === length ? RunState.SUCCEEDED : RunState.MEASURING,
    interval,
    intervalsPlanned: length,
    intervals: intervals.slice(Math.max(0, interval - 1), interval === length ? length + 1 : interval),
    revision: BigInt(interval + 1),
  });
}

const whole = (run: Run): Run => ({
  ...run,
  intervals: intervals.slice(0, (run.intervals.at(-1)?.index ?? -1) + 1),
});

/** A scheduler that has run all of it, and shows versions of the run that it has seen. */
function scheduler(versions: readonly Run[], asked: number[]): SchedulerClient {
  const client: Pick<SchedulerClient, 'watchRun' | 'listIntervals'> = {
    async *watchRun(): AsyncGenerator<WatchRunResponse> {
      for (const value of versions) yield { update: { $case: 'run', value } };
    },
    async listIntervals({ firstIndex }) {
      const page = intervals.slice(firstIndex, firstIndex + 10);
      asked.push(...page.map(({ index }) => index));
      return { intervals: page, nextPageToken: 'more' };
    },
  };
  return client as SchedulerClient;
}

test('tables tell the whole past of a run whose record has the latest intervals only', async () => {
  const store = openMemoryStore();
  const run = measuredBefore(length);
  await archiveIntervals(store.records, run.id, intervals.slice(0, length - 1));
  const past = await new RunPast().follow(run, storedHistory(store));
  assert.equal(gapTable(run, past), gapTable(whole(run), pastOf(whole(run))));
  assert.match(gapTable(run, past), /^code +7\.389 +14\.778 +11\.822 +1\.600 +50\.0 % +73\.6 %$/m);
  const served = await new RunPast().follow(
    run,
    servedHistory(scheduler([], []), new AbortController().signal),
  );
  assert.equal(gapTable(run, served), gapTable(run, past));
});

test('who follows a run reads its past once, then only what it missed', async () => {
  const asked: number[] = [];
  const told: string[] = [];
  // Taken up at interval 20; the versions between 25 and 30 were never seen.
  const seen = [20, 21, 22, 23, 24, 25, 30, 31, length];
  const display: Pick<Display, 'run'> = { run: (run, past) => told.push(gapTable(run, past)) };
  const services = {
    scheduler: scheduler(seen.map(measuredBefore), asked),
    broken: new AbortController().signal,
  };
  const last = await followRun(services, 'r-1', display as Display, new AbortController().signal);
  assert.equal(last.interval, length);
  const expected = seen.map(measuredBefore).map((run) => gapTable(whole(run), pastOf(whole(run))));
  assert.deepEqual(told, expected);
  assert.equal(asked[0], 0);
  // Pages of ten: at most the rest of a page was read twice.
  assert.ok(asked.length <= intervals.length + 10, `${asked.length} intervals were read`);
});

test('who follows a run whose history is lost in part is warned once, and sees all but the shares', async () => {
  const lost = new DdkError('data_loss', "The record runs/r-1/intervals/3 of a run's history is missing.");
  const seen = [20, 21, 30, length].map(measuredBefore);
  const whole = scheduler(seen, []);
  const services = {
    scheduler: { ...whole, listIntervals: () => Promise.reject(lost) } as SchedulerClient,
    broken: new AbortController().signal,
  };
  const told: string[] = [];
  const warned: string[] = [];
  const display: Pick<Display, 'run' | 'warn'> = {
    run: (run, past) => told.push(gapTable(run, past)),
    warn: (text) => warned.push(text),
  };
  const last = await followRun(services, 'r-1', display as Display, new AbortController().signal);
  assert.equal(last.interval, length);
  assert.equal(told.length, seen.length);
  assert.match(told.at(-1) ?? '', /^code +7\.389 +– +11\.822 +1\.600 +50\.0 % +–$/m);
  assert.deepEqual(warned, [`${lost.message} Tables are shown without shares of training.`]);
});

test('a past with a hole keeps its start, and is an error for who takes no warning', async () => {
  const store = openMemoryStore();
  const run = measuredBefore(length);
  await archiveIntervals(
    store.records,
    run.id,
    intervals.slice(0, length - 1).filter(({ index }) => index !== 3),
  );
  const hole = /The record runs\/r-1\/intervals\/3 of a run's history is missing\./;
  await assert.rejects(new RunPast().follow(run, storedHistory(store)), hole);
  const warned: string[] = [];
  const past = await new RunPast().follow(run, storedHistory(store), (text) => warned.push(text));
  assert.match(warned.join(), hole);
  assert.match(gapTable(run, past), /^code +7\.389 +14\.778 +11\.822 +1\.600 +50\.0 % +–$/m);
  const unanswered: History = async function* () {
    yield intervals[0]!;
    throw new DdkError('unavailable', 'nobody answers');
  };
  await assert.rejects(new RunPast().follow(run, unanswered, assert.fail), /nobody answers/);
});

test('a report of a long history shows some of it, the first and the last among them', async () => {
  const store = openMemoryStore();
  const many = 30_000 / 2;
  const history = Array.from({ length: many + 1 }, (_, index) => ({ ...intervals[index % 40]!, index }));
  const run = sampleRun({ checkpointDigest: '', interval: many, intervals: history.slice(many - 1) });
  await archiveIntervals(store.records, run.id, history.slice(0, many - 1));
  const report = await reportData(store, run, []);
  assert.equal(report.everyNth, 2);
  assert.equal(report.intervalsPlanned, many + 1);
  assert.deepEqual(
    report.intervals.map(({ interval }) => interval),
    Array.from({ length: many / 2 + 1 }, (_, i) => 2 * i),
  );
});

test('a past that begins before anything is measured has no shares', () => {
  const run = sampleRun({ state: RunState.PREPARING, intervals: [] });
  const past = pastOf(run);
  assert.deepEqual(past.start, []);
  assert.ok(Number.isNaN(past.share(0)));
  past.add(intervals[0]!);
  assert.equal(past.start, intervals[0]!.gaps);
  assert.equal(past.share(1), 1);
});
