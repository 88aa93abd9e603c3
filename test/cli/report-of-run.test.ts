// What a report tells of runs that are not like most: not over yet, gone astray, extended, forked, moved to another machine.
import assert from 'node:assert/strict';
import test from 'node:test';
import { IntervalRecord, type Run, RunState } from '#proto/ddk/v1/types';
import { openMemoryStore, type Store } from '#store';
import { gapTable } from '../../services/cli/display/describe-run.js';
import { renderReport } from '../../services/cli/report/index.js';
import { reportData } from '../../services/cli/report-of-run.js';
import { measuredInterval, pastOf, sampleRun } from './run-fixture.js';

/** The words of a page, without the plots. */
const wordsOf = (page: string): string =>
  page
    .replace(/<style>[\s\S]*?<\/style>|<svg[\s\S]*?<\/svg>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

const report = async (store: Store, run: Run, arms: readonly Run[] = []): Promise<string> =>
  wordsOf(await renderReport(await reportData(store, run, arms)));

/** In its first interval of three, with 30 windows of one domain and 10 of the other committed. */
async function inFirstInterval(store: Store): Promise<Run> {
  const run = sampleRun({ intervals: [measuredInterval(0, [2, 4])], checkpointDigest: '' });
  const record = IntervalRecord.fromPartial({ interval: 0, windowsDrawn: [30n, 10n] });
  await store.records.create(`runs/${run.id}/train/0`, IntervalRecord.encode(record).finish());
  return run;
}

test('the gaps of an unfinished run are said to be those of the step at which they were measured', async () => {
  const store = openMemoryStore();
  const run = await inFirstInterval(store);
  const text = await report(store, run);
  assert.doesNotMatch(text, /[Ff]inal/);
  assert.match(text, /Teacher Start At step 0 Gap/);
  assert.match(text, /the perplexity of the student at step 0, where it was last measured, over/);
  assert.match(text, /Widest gap 4\.00× measured at step 0 Steps/);
  assert.match(text, /The widest gap was 4\.00× at step 0\./);

  const later = { ...run, interval: 1, intervals: [...run.intervals, measuredInterval(1, [1.5, 3])] };
  const laterText = await report(store, later, [run]);
  assert.match(laterText, /Start At step 10 sample at step 0 Gap/);
  assert.match(laterText, /Widest gap 3\.00× measured at step 10, 4\.00× at the start/);
  assert.match(laterText, /The widest gap went from 4\.00× to 3\.00×\./);
});

test('a run that is measured after all its training has final gaps', async () => {
  const store = openMemoryStore();
  const intervals = [0, 1, 2, 3].map((index) => measuredInterval(index, [2, 4 - index]));
  const run = sampleRun({ state: RunState.SUCCEEDED, interval: 3, intervals, checkpointDigest: '' });
  assert.match(await report(store, run, [run]), /Start Final sample Gap/);
  // Extended, it is under way again.
  assert.match(await report(store, { ...run, intervalsPlanned: 4 }), /Start At step 30 Gap/);
});

test('shares of training count what is committed of the interval in hand', async () => {
  const store = openMemoryStore();
  const shares = async (run: Run): Promise<number[]> =>
    (await reportData(store, run, [])).domains.map(({ trainingShare }) => trainingShare);
  const run = await inFirstInterval(store);
  assert.deepEqual(await shares(run), [0.75, 0.25]);
  // Once the interval is done it counts itself.
  const done = { ...measuredInterval(0, [2, 4]), checkpointDigest: 'sha256:0', windowsDrawn: [30n, 30n] };
  assert.deepEqual(await shares({ ...run, intervals: [done] }), [0.5, 0.5]);
});

test('a gap without measure is a number with an exponent, in tables and in the report', async () => {
  const store = openMemoryStore();
  const intervals = [measuredInterval(0, [2, 4]), measuredInterval(1, [2, 1.0142320547350045e304])];
  const run = sampleRun({ interval: 1, intervals, checkpointDigest: '' });
  assert.match(gapTable(run, pastOf(run)), / 1\.01e\+304 /);
  const text = await report(store, run);
  assert.match(text, /Widest gap 1\.01e\+304×/);
  assert.doesNotMatch(text, /[\d,]{20}/);
  assert.doesNotMatch(gapTable(run, pastOf(run)), /\d{10}/);
});
