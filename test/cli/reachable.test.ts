// What a store's records need, also where some of them are lost.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Run, StepMetrics } from '#proto/ddk/v1/types';
import { openMemoryStore, type Store } from '#store';
import { reachableArtifacts } from '../../services/cli/reachable.js';
import { archiveIntervals, intervalKey } from '../../services/scheduler/history.js';
import { MetricsLog } from '../../services/student-trainer/metrics-log.js';
import { measuredInterval, sampleRun } from './run-fixture.js';

/** The links of a new chain of two, the last one first. */
async function chain({ artifacts }: Store, firstStep: number): Promise<[string, string]> {
  const log = new MetricsLog(artifacts, '');
  await log.add(StepMetrics.fromPartial({ step: firstStep }));
  const first = await log.flush();
  await log.add(StepMetrics.fromPartial({ step: firstStep + 1 }));
  return [await log.flush(), first];
}

test('an interval whose record is lost names nothing, and the other intervals of its run keep their metrics', async () => {
  const store = openMemoryStore();
  const { records } = store;
  const chains = await Promise.all([0, 1, 2, 3, 4].map((index) => chain(store, 10 * index + 1)));
  const intervals = chains.map(([metricsDigest], index) => ({
    ...measuredInterval(index, [2, 2]),
    metricsDigest,
  }));
  const run = sampleRun({ interval: 5, intervals: intervals.slice(4) });
  await records.create('names/sample', Buffer.from(run.id));
  await records.create(`runs/${run.id}`, Run.encode(run).finish());
  // Of the archived ones the second is missing, the third no message.
  await archiveIntervals(records, run.id, [intervals[0]!, intervals[3]!]);
  await records.create(intervalKey(run.id, 2), Buffer.from('damaged'));
  const found = await reachableArtifacts(store, { caches: true });
  for (const [index, links] of chains.entries())
    for (const link of links) assert.equal(found.has(link), index !== 1 && index !== 2, `interval ${index}`);
});
