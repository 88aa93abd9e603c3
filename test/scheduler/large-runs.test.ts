// Runs of many domains and of many intervals, in a store with its real limits: their records stay small and their history
// whole.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { sha256Hex, silentLogger, systemClock } from '#base';
import { openMemoryBus } from '#bus';
import type { Domain, Interval } from '#proto/ddk/v1/types';
import { maxRecordBytes, openMemoryStore } from '#store';
import { Coordinator } from '../../services/scheduler/coordinator.js';
import { storeRun } from '../../services/scheduler/create-run.js';
import { readIntervals } from '../../services/scheduler/history.js';
import {
  domainsProblem,
  extensionProblem,
  largestRecordBytes,
  mostIntervals,
} from '../../services/scheduler/limits.js';
import { encodeRun } from '../../services/scheduler/run-record.js';
import { RunStore } from '../../services/scheduler/run-store.js';
import { busWorkers } from '../../services/scheduler/workers.js';
import { domainsNamed, exampleSpec, started } from './example.js';
import { startFakeWorkers } from './fake-workers.js';

const digest = `sha256:${'f'.repeat(64)}`;

/** Distinct names of so many characters. */
const longNames = (count: number, length: number): Domain[] =>
  domainsNamed(Array.from({ length: count }, (_, i) => String(i).padStart(length, 'x')));

interface Trained {
  readonly history: readonly Interval[];
  /** Of the largest version of the run's record. */
  readonly recordBytes: number;
}

async function trained(t: TestContext, domains: readonly Domain[], intervals: number): Promise<Trained> {
  const store = openMemoryStore();
  const bus = openMemoryBus();
  const runs = new RunStore(store.records, silentLogger);
  const checkpointOf = (base: string, interval: number) => `sha256:${sha256Hex(`${base} ${interval}`)}`;
  await startFakeWorkers(store, bus, { domains, checkpointOf });
  const scheduler = new Coordinator({
    store,
    runs,
    workers: busWorkers(bus, { outliveScheduler: false }),
    prepare: async () => domains,
    publish: async () => {},
    clock: systemClock,
    logger: silentLogger,
    intervalMs: 2,
  });
  t.after(async () => {
    await scheduler.close();
    await bus.close();
    await store.close();
  });
  const spec = { ...exampleSpec({ intervals }), baseCheckpointDigest: digest };
  const { state } = await storeRun(store.records, runs, { requestId: 'large', spec, atMs: 1 });
  await scheduler.start();
  let recordBytes = 0;
  const ended = new AbortController();
  for await (const version of runs.watch(state.id, ended.signal)) {
    recordBytes = Math.max(recordBytes, encodeRun(version.state).length);
    const { kind } = version.state.phase;
    assert.notEqual(kind, 'paused');
    if (kind === 'succeeded') ended.abort();
  }
  const run = await runs.find(state.id);
  const history: Interval[] = [];
  for await (const interval of readIntervals(store.records, run.state)) history.push(interval);
  return { history, recordBytes };
}

test('a run of 1000 domains and 20 intervals succeeds, and its record does not grow', async (t) => {
  const { history, recordBytes } = await trained(t, longNames(1000, 63), 20);
  assert.equal(history.length, 21);
  assert.ok(recordBytes < maxRecordBytes / 2, `${recordBytes} bytes`);
  for (const [index, interval] of history.entries()) {
    assert.equal(interval.index, index);
    assert.equal(interval.gaps.length, 1000);
    assert.equal(interval.windowsDrawn.length, index < 20 ? 1000 : 0);
  }
});

test('a run of 10 domains and 2000 intervals does so too', async (t) => {
  const { history, recordBytes } = await trained(t, longNames(10, 20), 2000);
  assert.ok(recordBytes < 4000, `${recordBytes} bytes`);
  assert.deepEqual(
    history.map(({ index }) => index),
    Array.from({ length: 2001 }, (_, index) => index),
  );
  for (const [index, { baseCheckpointDigest }] of history.entries())
    assert.equal(baseCheckpointDigest, index === 0 ? digest : history[index - 1]!.checkpointDigest);
});

test('1000 domains with the longest names fit in every record of a run; what does not fit is refused', () => {
  const spec = exampleSpec();
  const weights = Array.from({ length: 1000 }, () => 1 / 1000);
  const fixed = { ...spec, mixture: { ...spec.mixture!, weights } };
  for (const length of [63, 200]) {
    const domains = longNames(1000, length);
    assert.ok(largestRecordBytes(fixed, domains) <= maxRecordBytes);
    assert.equal(domainsProblem(fixed, domains), undefined);
  }
  assert.match(
    domainsProblem(spec, longNames(5000, 63)) ?? '',
    /^has 5000 domains, which make records of up to \d+ bytes where 1000000 are possible; take fewer domains or shorter names$/,
  );
  assert.match(domainsProblem(spec, longNames(1, 400_000)) ?? '', /^has 1 domains/);
  // A list of weights that no domains go with is part of the record too.
  assert.ok(
    domainsProblem({ ...spec, mixture: { ...spec.mixture!, weights: new Array(200_000).fill(1) } }, []),
  );
});

test('a run is extended to so many intervals and steps in all', () => {
  const state = started({ intervals: 2 });
  assert.equal(extensionProblem(state, mostIntervals - 2), undefined);
  assert.match(
    extensionProblem(state, mostIntervals - 1) ?? '',
    /^must be at most 99998 for this run, which has 2 intervals of 10 steps, but is 99999; a run has at most 100000 intervals and 2147483647 steps$/,
  );
  const training = { ...state.spec.training!, intervalSteps: 1_000_000 };
  const long = { ...state, spec: { ...state.spec, training } };
  assert.equal(extensionProblem(long, 2145), undefined);
  assert.match(extensionProblem(long, 2146) ?? '', /^must be at most 2145 /);
});
