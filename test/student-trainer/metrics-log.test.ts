// The metrics of an interval: every step written once, however often it is committed, and read in order from the last link.
import assert from 'node:assert/strict';
import test from 'node:test';
import { StepMetrics, StepMetricsLog } from '#proto/ddk/v1/types';
import { type ArtifactStore, openMemoryStore } from '#store';
import { metricsLogLinks, readMetricsLogs } from '../../services/cli/metrics-log.js';
import { MetricsLog } from '../../services/student-trainer/metrics-log.js';
import { collect, hasCode } from '../lib/store/contract.js';

const stepOf = (step: number): StepMetrics =>
  StepMetrics.fromPartial({
    step,
    loss: 1 / step,
    tokens: 100n,
    domains: [0, 1].map((domainId) => ({ domainId, crossEntropy: 1 / step, tokens: 50n })),
  });

const stepsOf = async (artifacts: ArtifactStore, head: string): Promise<number[]> =>
  (await collect(await readMetricsLogs(artifacts, [head]))).map(({ step }) => step);

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

/** Bytes in the store after that many steps, with a commit after each. */
async function bytesAfter(steps: number): Promise<number> {
  const { artifacts } = openMemoryStore();
  const log = new MetricsLog(artifacts, '');
  for (const step of upTo(steps)) {
    await log.add(stepOf(step));
    await log.flush();
  }
  return (await collect(artifacts.list())).reduce((sum, { bytes }) => sum + bytes, 0);
}

test('four times the commits write four times the bytes', async () => {
  const [few, many] = [await bytesAfter(50), await bytesAfter(200)];
  // Numbers and digests are not all of one length, the first link names none before it.
  assert.ok(Math.abs(many / few - 4) < 0.1, `${few} and ${many} bytes`);
});

test('what an attempt has added is read once a step, also where an earlier one died between its commits', async () => {
  const { artifacts } = openMemoryStore();
  const first = new MetricsLog(artifacts, '');
  for (const step of [1, 2, 3]) await first.add(stepOf(step));
  const committed = await first.flush();
  assert.equal(await first.flush(), committed);
  for (const step of [4, 5]) await first.add(stepOf(step));
  await first.flush();
  const second = new MetricsLog(artifacts, committed);
  for (const step of [4, 5, 6]) await second.add(stepOf(step));
  assert.deepEqual(await stepsOf(artifacts, await second.flush()), upTo(6));
  assert.deepEqual(await stepsOf(artifacts, committed), upTo(3));
  assert.deepEqual(await stepsOf(artifacts, ''), []);
});

test('a link is closed when it is large, so that an interval without a commit between is not held in memory', async () => {
  const { artifacts } = openMemoryStore();
  const log = new MetricsLog(artifacts, '', { linkBytes: 1000 });
  for (const step of upTo(100)) await log.add(stepOf(step));
  const links = await collect(artifacts.list());
  assert.ok(links.length > 10);
  for (const { bytes } of links) assert.ok(bytes <= 1000 + 200, `${bytes} bytes`);
  const head = await log.flush();
  assert.deepEqual(await stepsOf(artifacts, head), upTo(100));
  const named = await collect(metricsLogLinks(artifacts, head));
  assert.deepEqual([...named].sort(), (await collect(artifacts.list())).map(({ digest }) => digest).sort());
});

test('links that are missing, out of order, empty or something else are told, and none is read for ever', async () => {
  const { artifacts } = openMemoryStore();
  const put = async (steps: readonly number[], previousDigest: string): Promise<string> =>
    (await artifacts.put(StepMetricsLog.encode({ steps: steps.map(stepOf), previousDigest }).finish()))
      .digest;
  const missing = `sha256:${'0'.repeat(64)}`;
  await assert.rejects(stepsOf(artifacts, await put([3], missing)), hasCode('not_found'));
  const sound = await put([1, 2], '');
  for (const [steps, previous] of [
    [[2, 3], sound],
    [[4, 3], ''],
    [[3], await put([], sound)],
    [[3], (await artifacts.put(Buffer.from('{"no": "log"}'))).digest],
  ] as const)
    await assert.rejects(stepsOf(artifacts, await put(steps, previous)), hasCode('data_loss'));
});
