// The history of a run: in pages, in order, whole, whatever its run has come to since; and lists that do not read it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { DdkError, type ErrorCode, silentLogger } from '#base';
import { Interval, RunState } from '#proto/ddk/v1/types';
import { openMemoryStore } from '#store';
import { archiveIntervals, intervalKey, readIntervals } from '../../services/scheduler/history.js';
import { mostIntervals } from '../../services/scheduler/limits.js';
import { largestPageBytes, pageOfIntervals, pageOfRuns } from '../../services/scheduler/page.js';
import { encodeRun, runMessage } from '../../services/scheduler/run-record.js';
import { RunStore, type StoredRun } from '../../services/scheduler/run-store.js';
import { advance, historyOf, started } from './example.js';
import { startFakeWorkers } from './fake-workers.js';
import { serviceScene } from './service-scene.js';

async function refusal(promise: Promise<unknown>, code: ErrorCode, field?: string): Promise<DdkError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof DdkError, `threw ${error}`);
    assert.equal(error.code, code, error.message);
    if (field !== undefined)
      assert.deepEqual(
        error.violations.map((violation) => violation.field),
        [field],
      );
    return error;
  }
  throw new Error('nothing was refused');
}

const all = async (intervals: AsyncIterable<Interval>): Promise<Interval[]> => {
  const list: Interval[] = [];
  for await (const interval of intervals) list.push(interval);
  return list;
};

test('the history of a run comes in pages, in order, from any interval on', async (t) => {
  const { scheduler, spec, store, bus } = await serviceScene(t);
  const list = async (pageSize: number, firstIndex = 0) => {
    const indices: number[][] = [];
    let pageToken = '';
    do {
      const page = await scheduler.listIntervals({ run: 'example', pageSize, pageToken, firstIndex });
      indices.push(page.intervals.map(({ index }) => index));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return indices;
  };
  const longer = { ...spec, training: { ...spec.training!, intervals: 6 } };
  await scheduler.createRun({ requestId: 'history', spec: longer });
  assert.deepEqual(await list(2), [[]]);
  await startFakeWorkers(store, bus);
  for await (const { update } of scheduler.watchRun({ run: 'example', afterRevision: 0n })) {
    if (update?.$case !== 'run') continue;
    assert.ok(update.value.intervals.length <= 2);
    // Also while the run goes on there is no gap, and nothing twice.
    const seen = (await list(3)).flat();
    assert.deepEqual(seen, [...seen.keys()]);
    assert.ok(seen.length >= update.value.interval);
    if (update.value.state === RunState.SUCCEEDED) break;
  }
  assert.deepEqual(await list(2), [[0, 1], [2, 3], [4, 5], [6]]);
  assert.deepEqual(await list(7), [[0, 1, 2, 3, 4, 5, 6]]);
  assert.deepEqual(await list(0), [[0, 1, 2, 3, 4, 5, 6]]);
  assert.deepEqual(await list(2, 4), [[4, 5], [6]]);
  assert.deepEqual(await list(2, 7), [[]]);
  const { run } = await scheduler.getRun({ run: 'example' });
  const { intervals } = await scheduler.listIntervals({
    run: run!.id,
    pageSize: 500,
    pageToken: '',
    firstIndex: 5,
  });
  assert.deepEqual(intervals, run!.intervals);

  const request = { run: 'example', pageSize: 0, pageToken: '', firstIndex: 0 };
  await refusal(scheduler.listIntervals({ ...request, pageSize: 501 }), 'invalid_argument', 'page_size');
  for (const pageToken of ['nonsense', '-1', '1e9', ' 1', '0'.repeat(40)])
    await refusal(scheduler.listIntervals({ ...request, pageToken }), 'invalid_argument', 'page_token');
  await refusal(scheduler.listIntervals({ ...request, run: 'nobody' }), 'not_found');
});

test('a run is extended by so many intervals in all and no more', async (t) => {
  const { scheduler, spec } = await serviceScene(t);
  await scheduler.createRun({ requestId: 'longest', spec });
  const extend = (extendByIntervals: number) => scheduler.resumeRun({ run: 'example', extendByIntervals });
  await scheduler.pauseRun({ run: 'example' });
  for (let i = 0; i < 9; i++) {
    await extend(10_000);
    await scheduler.pauseRun({ run: 'example' });
  }
  const { message } = await refusal(extend(9_999), 'invalid_argument', 'extend_by_intervals');
  assert.match(
    message,
    /^extend_by_intervals must be at most 9998 for this run, which has 90002 intervals of 10 steps, but is 9999;/,
  );
  await refusal(extend(10_001), 'invalid_argument', 'extend_by_intervals');
  assert.equal((await extend(9_998)).run?.intervalsPlanned, mostIntervals);
  await refusal(extend(1), 'invalid_argument', 'extend_by_intervals');
});

test('a corpus of more domains than the records of a run can hold is refused before anything is made', async (t) => {
  const { scheduler, spec, store } = await serviceScene(t);
  const bytes = await store.artifacts.bytes(spec.corpusDigest, { maxBytes: 1 << 20 });
  const manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as { domains: object[] };
  const withDomains = async (count: number): Promise<string> => {
    const domains = Array.from({ length: count }, (_, id) => ({
      ...manifest.domains[0],
      id,
      name: String(id).padStart(63, 'x'),
    }));
    return (await store.artifacts.put(Buffer.from(JSON.stringify({ ...manifest, domains })))).digest;
  };
  const create = async (count: number) =>
    scheduler.createRun({ requestId: `${count}`, spec: { ...spec, corpusDigest: await withDomains(count) } });
  const { message } = await refusal(create(5000), 'invalid_argument', 'spec.corpus_digest');
  assert.match(message, /spec\.corpus_digest has 5000 domains, which make records of up to \d+ bytes/);
  assert.deepEqual(await store.records.list(''), []);
  assert.equal((await create(1000)).run?.state, RunState.PREPARING);
});

test('a page ends before it is too large for a message', async () => {
  const gaps = Array.from({ length: 1000 }, (_, domainId) => ({
    domainId,
    domain: `a domain with a name that is rather long ${domainId}`,
    studentLoss: 2,
    teacherLoss: 1,
    ratio: Math.E,
    positions: 100n,
  }));
  const history = Array.from({ length: 60 }, (_, index) => Interval.fromPartial({ index, gaps }));
  async function* read(from: number): AsyncGenerator<Interval> {
    yield* history.slice(from);
  }
  const bytesOf = (interval: Interval): number => Interval.encode(interval).finish().length;
  const seen: Interval[] = [];
  let pageToken = '';
  let pages = 0;
  do {
    const page = await pageOfIntervals(read, { pageSize: 500, pageToken, firstIndex: 0 }, 60);
    const bytes = page.intervals.reduce((sum, interval) => sum + bytesOf(interval), 0);
    assert.ok(bytes <= largestPageBytes && page.intervals.length > 0);
    seen.push(...page.intervals);
    pageToken = page.nextPageToken;
    pages += 1;
  } while (pageToken !== '');
  assert.deepEqual(seen, history);
  assert.ok(pages > 1);

  // An entry that is larger by itself is a page of its own.
  const huge = Interval.fromPartial({ index: 0, checkpointDigest: 'x'.repeat(largestPageBytes + 1) });
  async function* readHuge(from: number): AsyncGenerator<Interval> {
    yield* [huge, { ...huge, index: 1 }].slice(from);
  }
  const request = { pageSize: 0, pageToken: '', firstIndex: 0 };
  const first = await pageOfIntervals(readHuge, request, 2);
  assert.deepEqual([first.intervals.length, first.nextPageToken], [1, '1']);
  const second = await pageOfIntervals(readHuge, { ...request, pageToken: '1' }, 2);
  assert.deepEqual([second.intervals[0]?.index, second.nextPageToken], [1, '']);

  const runs = Array.from({ length: 40 }, (_, i): StoredRun => {
    const state = advance(started(), 'training', 1);
    const wide = state.intervals.map((interval) => ({ ...interval, gaps }));
    return { state: { ...state, id: `r-${i}`, createdAtMs: 1000 - i, intervals: wide }, revision: 1 };
  });
  const page = await pageOfRuns(runs, { pageSize: 500, pageToken: '' });
  assert.ok(page.runs.length > 1 && page.runs.length < 40);
  const rest = await pageOfRuns(runs, { pageSize: 500, pageToken: page.nextPageToken });
  assert.equal(rest.runs[0]?.id, `r-${page.runs.length}`);
});

test('whoever keeps an interval again leaves it as it is; one that is missing or damaged is said to be that', async () => {
  const { records } = openMemoryStore();
  const intervals = historyOf(started({ intervals: 4 }));
  await archiveIntervals(records, 'r', intervals.slice(0, 3));
  const before = await records.list('runs/r/');
  await archiveIntervals(records, 'r', intervals.slice(1, 3));
  assert.deepEqual(await records.list('runs/r/'), before);
  const run = { id: 'r', intervals: intervals.slice(3) };
  assert.deepEqual(await all(readIntervals(records, run)), intervals);
  assert.deepEqual(await all(readIntervals(records, run, 2)), intervals.slice(2));
  assert.deepEqual(await all(readIntervals(records, run, 4)), intervals.slice(4));
  const kept = (await records.get(intervalKey('r', 1)))!;
  await records.update(intervalKey('r', 1), Uint8Array.of(255), kept.revision);
  await assert.rejects(
    all(readIntervals(records, run)),
    /runs\/r\/intervals\/1 of a run's history is damaged/,
  );
  const missing = { id: 'other', intervals: run.intervals };
  await assert.rejects(all(readIntervals(records, missing)), /runs\/other\/intervals\/0 .* is missing/);
});

test('a run whose record has its whole history is read as it is, and sheds it as it goes on', async () => {
  const { records } = openMemoryStore();
  const runs = new RunStore(records, silentLogger);
  const whole = historyOf(started({ intervals: 3 }));
  const state = { ...advance(started({ intervals: 4 }), 'training', 3), intervals: whole };
  const before = runMessage(state);
  assert.deepEqual(await all(readIntervals(records, before)), whole);
  const revision = await records.create(`runs/${state.id}`, new Uint8Array());
  const slim = advance(started({ intervals: 4 }), 'measuring', 4);
  await runs.save({ state, revision }, slim);
  assert.deepEqual(await all(readIntervals(records, slim)), [...whole.slice(0, 3), ...slim.intervals]);
});

test('a list of runs reads one record a run, and one for its name', async () => {
  const store = openMemoryStore();
  const read: string[] = [];
  const records = {
    ...store.records,
    get: (key: string) => {
      read.push(key);
      return store.records.get(key);
    },
    list: (prefix: string) => {
      read.push(prefix);
      return store.records.list(prefix);
    },
  };
  const runs = new RunStore(records, silentLogger);
  const state = advance(started(), 'training', 1);
  await store.records.create('names/example', Buffer.from(state.id));
  await store.records.create('names/claimed', Buffer.from('r-never-made'));
  await store.records.create(`runs/${state.id}`, encodeRun(state));
  await archiveIntervals(store.records, state.id, historyOf(started()));
  assert.deepEqual(
    (await runs.list()).map((run) => run.state.id),
    [state.id],
  );
  assert.deepEqual(read, ['names/', 'runs/r-never-made', `runs/${state.id}`]);
});
