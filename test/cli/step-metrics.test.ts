// The metrics of a run's steps: in order through all its chains, written as they are read, whatever their number.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { sha256Hex, writeFileDurable } from '#base';
import {
  ExportManifest,
  IntervalRecord,
  type Run,
  RunState,
  type StepMetrics,
  StepMetricsLog,
} from '#proto/ddk/v1/types';
import { type ArtifactStore, openMemoryStore, type Store } from '#store';
import { finishRun, leaveMetrics, writeMetrics } from '../../services/cli/finish.js';
import { metricsCsv } from '../../services/cli/metrics-csv.js';
import { readMetricsLogs } from '../../services/cli/metrics-log.js';
import { reportData } from '../../services/cli/report-of-run.js';
import { MetricsLog } from '../../services/student-trainer/metrics-log.js';
import { collect } from '../lib/store/contract.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { measuredInterval, sampleRun } from './run-fixture.js';

const domain = (id: number, name: string) => ({
  id,
  name,
  trainTokens: 1n,
  trainWindows: 1n,
  validationSamples: 1,
});
const domains = [domain(0, 'a,b'), domain(1, 'c')];

const stepOf = (step: number): StepMetrics => ({
  step,
  loss: 2.5,
  crossEntropy: 2,
  kl: 0.5,
  gradientNorm: 1,
  learningRate: 0.001,
  tokens: 128n,
  durationMs: 3,
  teacherWaitMs: 0,
  domains: [{ domainId: 1, crossEntropy: 2, kl: 0.5, tokens: 128n }],
});

async function* each<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values;
}

test('metrics become one line a step with a group of columns a domain', async () => {
  const csv = (await collect(metricsCsv(domains, each([stepOf(1)])))).join('');
  const [header, line, ...rest] = csv.split('\n');
  assert.ok(header?.endsWith('"cross_entropy:a,b","kl:a,b","tokens:a,b",cross_entropy:c,kl:c,tokens:c'));
  assert.equal(line, '1,2.5,2,0.5,1,0.001,128,3,0,,,0,2,0.5,128');
  assert.deepEqual(rest, ['']);
});

/** A chain of links that are made when they are read; link `i`, from 0, has the steps after `i * linkSteps`. */
function fakeChain(links: number, linkSteps: number) {
  const reads: number[] = [];
  const digestOf = (link: number): string => (link < 0 ? '' : `sha256:${sha256Hex(String(link)).slice(-64)}`);
  const places = new Map(Array.from({ length: links }, (_, link) => [digestOf(link), link]));
  const artifacts: Pick<ArtifactStore, 'bytes'> = {
    async bytes(digest) {
      const link = places.get(digest)!;
      reads.push(link);
      const steps = Array.from({ length: linkSteps }, (_, i) => stepOf(link * linkSteps + i + 1));
      return StepMetricsLog.encode({ steps, previousDigest: digestOf(link - 1) }).finish();
    },
  };
  return { artifacts: artifacts as ArtifactStore, head: digestOf(links - 1), reads };
}

test('a long chain is told in order with the steps of one link held at a time', async () => {
  const [links, linkSteps] = [50, 400];
  const { artifacts, head, reads } = fakeChain(links, linkSteps);
  const steps = await readMetricsLogs(artifacts, [head]);
  assert.equal(steps.count, links * linkSteps);
  // Once from the last link to the first, to find them.
  assert.deepEqual(
    reads.splice(0),
    Array.from({ length: links }, (_, i) => links - 1 - i),
  );
  let written = 0;
  let pieces = 0;
  let most = 0;
  let text = '';
  for await (const piece of metricsCsv(domains, steps)) {
    // A piece is taken when it is complete: what was read before, and is not in it or in those before, is held.
    text += piece;
    pieces += 1;
    written = text.split('\n').length - 2;
    most = Math.max(most, reads.length * linkSteps - written);
  }
  assert.equal(written, links * linkSteps);
  assert.deepEqual(
    reads,
    Array.from({ length: links }, (_, i) => i),
  );
  assert.ok(pieces > 5, `${pieces} pieces`);
  assert.ok(most <= linkSteps, `${most} steps were held`);
  const lines = text.split('\n').slice(1, -1);
  assert.ok(lines.every((line, i) => line.startsWith(`${i + 1},`)));
});

/** The head of a chain with the steps from `first` to `last`, a link for each two of them. */
async function chain({ artifacts }: Store, first: number, last: number): Promise<string> {
  const log = new MetricsLog(artifacts, '');
  for (let step = first; step <= last; step += 1) {
    await log.add(stepOf(step));
    if (step % 2 === 0) await log.flush();
  }
  return log.flush();
}

/** Two intervals that are done, and one in hand with the same chain committed in its record. */
async function runWithSteps(store: Store): Promise<Run> {
  const intervals = await Promise.all(
    [0, 1].map(async (index) => ({
      ...measuredInterval(index, [2, 2]),
      checkpointDigest: `sha256:${index}`,
      metricsDigest: await chain(store, 10 * index + 1, 10 * index + 10),
    })),
  );
  const run = sampleRun({ interval: 2, intervals, checkpointDigest: '' });
  const metricsDigest = await chain(store, 21, 25);
  const record = IntervalRecord.encode(IntervalRecord.fromPartial({ metricsDigest })).finish();
  await store.records.create(`runs/${run.id}/train/2`, record);
  return run;
}

test('a file and a report have the steps of every interval in order, those of the one in hand too', async (t) => {
  const store = openMemoryStore();
  const folder = await temporaryFolder(t);
  const run = await runWithSteps(store);
  const text = await readFile(await writeMetrics(store, run, folder), 'utf8');
  const steps = text.split('\n').slice(1, -1);
  const expected = Array.from({ length: 25 }, (_, i) => i + 1);
  assert.deepEqual(steps.map(Number.parseFloat), expected);
  const report = await reportData(store, run, []);
  assert.deepEqual(
    report.steps.line('loss').map(({ x }) => x),
    expected,
  );
});

test('metrics that take too long are given up: what was there stays, and the way on is told', async (t) => {
  const store = openMemoryStore();
  const root = await temporaryFolder(t);
  const data = { store, runFolder: (name: string) => path.join(root, name) };
  const run = await runWithSteps(store);
  const warned: string[] = [];
  const leave = (signal?: AbortSignal) => leaveMetrics(data, run, (text) => warned.push(text), signal);
  await leave();
  assert.deepEqual(warned, []);
  const file = path.join(root, 'sample', 'metrics.csv');
  await writeFileDurable(file, 'old');
  await leave(AbortSignal.abort());
  assert.deepEqual(warned, ['the metrics take long; `ddk report sample` writes them']);
  assert.equal(await readFile(file, 'utf8'), 'old');
  assert.deepEqual(await readdir(path.dirname(file)), ['metrics.csv']);

  // Between any two links of a chain, while they are found and while they are told.
  const { artifacts, head, reads } = fakeChain(10, 1);
  const giveUp = new AbortController();
  const steps = await readMetricsLogs(artifacts, [head], giveUp.signal);
  reads.splice(0);
  await assert.rejects(async () => {
    for await (const { step } of steps) if (step === 3) giveUp.abort(new Error('too long'));
  }, /too long/);
  assert.deepEqual(reads.splice(0), [0, 1, 2]);
  await assert.rejects(readMetricsLogs(artifacts, [head], giveUp.signal), /too long/);
  assert.equal(reads.length, 1);
});

test('a file whose steps cannot all be read is not written, and the one before it stays', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'metrics.csv');
  await writeFileDurable(file, 'old');
  const broken = async function* (): AsyncGenerator<string> {
    yield 'new';
    throw new Error('a link is damaged');
  };
  await assert.rejects(writeFileDurable(file, broken()), /a link is damaged/);
  assert.equal(await readFile(file, 'utf8'), 'old');
  assert.deepEqual(await readdir(folder), ['metrics.csv']);
});

test('a run that has succeeded leaves its student also where its metrics cannot be written', async (t) => {
  const store = openMemoryStore();
  const root = await temporaryFolder(t);
  const { digest } = await store.artifacts.put(Buffer.from('weights'));
  const manifest = ExportManifest.fromPartial({ files: [{ name: 'model.onnx', digest, bytes: 7n }] });
  const { digest: exportDigest } = await store.artifacts.put(ExportManifest.encode(manifest).finish());
  const lost = `sha256:${'0'.repeat(64)}`;
  const intervals = [{ ...measuredInterval(0, [2, 2]), metricsDigest: lost }];
  const run = sampleRun({ state: RunState.SUCCEEDED, intervals, exportDigest });
  const data = { store, runFolder: (name: string) => path.join(root, name) };
  await assert.rejects(finishRun(data, run), /The student is in .*student, but its .*sha256:0{64}/);
  assert.equal(await readFile(path.join(root, 'sample', 'student', 'model.onnx'), 'utf8'), 'weights');
});
