// What a report tells of runs that are not like most: not over yet, gone astray, extended, forked, moved to another machine.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { canonicalJson } from '#base';
import { Divergence, IntervalRecord, MixturePolicy, Run, RunSpec, RunState } from '#proto/ddk/v1/types';
import { openMemoryStore, type Store } from '#store';
import { gapTable } from '../../services/cli/display/describe-run.js';
import { renderReport } from '../../services/cli/report/index.js';
import { reportData } from '../../services/cli/report-of-run.js';
import { readSpec } from '../../services/cli/spec/read-spec.js';
import { temporaryFolder } from '../support/temporary-folder.js';
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

/** A checkpoint of a model without weights, made with this many threads; with none at the start. */
async function checkpoint({ artifacts }: Store, step: number, threads: number): Promise<string> {
  const device = { provider: 'cpu', device: 'a processor', ortVersion: '1.2.3' };
  const shapes = { batch: 4, microBatches: 1, length: 8 };
  const manifest = {
    formatVersion: 1,
    step,
    environment: threads === 0 ? null : { ...device, threads, program: 'sha256:program', shapes },
    weights: { digest: `sha256:${'0'.repeat(64)}`, bytes: 0 },
    moments: null,
    weightsDigest: `sha256:${'1'.repeat(64)}`,
    cursors: null,
    mixtureVersion: 0,
    metrics: null,
  };
  return (await artifacts.put(Buffer.from(canonicalJson(manifest)))).digest;
}

async function save({ records }: Store, run: Run): Promise<void> {
  await records.create(`runs/${run.id}`, Run.encode(run).finish());
  await records.create(`names/${run.id}`, Buffer.from(run.id));
}

test('a run is repeated from its report: in the words of a spec, with its corpus and the paths of its spec', async (t) => {
  const store = openMemoryStore();
  const folder = await temporaryFolder(t);
  const file = join(folder, 'sample.yaml');
  await writeFile(
    file,
    'name: sample\nteacher: /models/big\nstudent: /models/small\ndomains:\n  - { name: code, paths: [/text/code, /more] }\n  - { name: prose, paths: [/text/prose] }\n',
  );
  const corpus = {
    formatVersion: 1,
    tokenizerFingerprint: '',
    vocabSize: 257,
    endOfText: 0,
    sequenceLength: 24,
    seed: 0,
    domains: ['code', 'prose'].map((name, id) => ({
      id,
      name,
      trainTokens: 0,
      trainWindows: 0,
      documents: 3,
      validationSamples: 3,
      shards: [],
      validation: { digest: '' },
    })),
  };
  const { digest: corpusDigest } = await store.artifacts.put(Buffer.from(canonicalJson(corpus)));
  const spec = RunSpec.fromPartial({
    name: 'sample',
    corpusDigest,
    mixture: { policy: MixturePolicy.FIXED, alpha: 0.5, weights: [3, 1] },
    objective: { gamma: 0.5, temperature: 1, divergence: Divergence.REVERSE_KL },
    targets: { kind: { $case: 'topK', value: { k: 8 } } },
    optimizer: { peakLearningRate: 0.005, warmupSteps: 2 },
    training: { intervals: 2, intervalSteps: 3, batchSize: 4, microBatches: 1, seed: 7 },
  });
  const run = sampleRun({ spec, intervalsPlanned: 4, intervals: [] });
  const { settings } = await reportData(store, run, [], await readSpec(file));
  const told = settings.map(({ group, name, value }) => `${group}.${name} ${value}`);
  for (const row of [
    'models.teacher /models/big',
    'models.student /models/small',
    'domains.code /text/code, /more',
    'domains.prose /text/prose',
    'corpus.sequenceLength 24',
    'corpus.validationSamples 3',
    'mixture.policy fixed',
    'mixture.weights code: 3, prose: 1',
    'loss.gamma 0.5',
    'loss.divergence reverse',
    'targets.encoding top_k',
    'targets.k 8',
    'optimizer.learningRate 0.005',
    'training.intervals 2 + 2 by extension',
    'training.seed 7',
  ])
    assert.ok(told.includes(row), `${row} is not among ${told.join('; ')}`);
  assert.ok(!told.some((row) => row.startsWith('mixture.ratioClip')), 'what is never cut is left out');

  // What is lost is left out.
  const lost = { ...run, spec: { ...spec, corpusDigest: `sha256:${'2'.repeat(64)}` } };
  const without = (await reportData(store, lost, [])).settings.map(({ name }) => name);
  for (const name of ['teacher', 'code', 'sequenceLength']) assert.ok(!without.includes(name), name);
});

/** By name, of the rows of digests. */
async function originOf(store: Store, run: Run, name: string): Promise<string | undefined> {
  return (await reportData(store, run, [])).digests.find((row) => row.name === name)?.digest;
}

test('a fork names the run that it came from, wherever in its past, and its step', async () => {
  const store = openMemoryStore();
  const [start, middle, end] = [
    await checkpoint(store, 0, 0),
    await checkpoint(store, 10, 1),
    await checkpoint(store, 20, 1),
  ];
  const based = (name: string, base: string, fields: Partial<Run>): Run => {
    const run = sampleRun({ id: name, intervals: [], checkpointDigest: base, ...fields });
    return { ...run, spec: { ...run.spec!, name, baseCheckpointDigest: base } };
  };
  const trained = [middle, end].map((checkpointDigest, i) => ({
    ...measuredInterval(i, [2, 2]),
    checkpointDigest,
  }));
  const source = based('source', start, { checkpointDigest: end, intervals: trained, interval: 2 });
  const [late, early] = [based('late', end, {}), based('early', middle, {})];
  for (const run of [late, early, source, based('other', start, {})]) await save(store, run);
  assert.equal(await originOf(store, late, 'forked from'), 'source, after 20 steps');
  assert.equal(await originOf(store, early, 'forked from'), 'source, after 10 steps');
  assert.equal(await originOf(store, source, 'forked from'), undefined);
  const lost = based('lost', await checkpoint(store, 5, 1), {});
  assert.equal(await originOf(store, lost, 'forked from'), 'another run, after 5 steps');
});

test('a run that went on elsewhere names every environment that a checkpoint still tells of', async () => {
  const store = openMemoryStore();
  const [start, first, second] = [
    await checkpoint(store, 0, 0),
    await checkpoint(store, 10, 1),
    await checkpoint(store, 20, 2),
  ];
  const intervals = [first, second].map((checkpointDigest, i) => ({
    ...measuredInterval(i, [2, 2]),
    baseCheckpointDigest: i === 0 ? start : first,
    checkpointDigest,
  }));
  const run = sampleRun({ intervals, interval: 2, checkpointDigest: second });
  const moved = { ...run, spec: { ...run.spec!, baseCheckpointDigest: start } };
  assert.equal(
    await originOf(store, moved, 'made on'),
    'cpu, a processor, 1 thread, ONNX Runtime 1.2.3 (step 10); cpu, a processor, 2 threads, ONNX Runtime 1.2.3 (step 20)',
  );
  const stayed = { ...moved, intervals: intervals.slice(0, 1), checkpointDigest: first };
  assert.equal(await originOf(store, stayed, 'made on'), 'cpu, a processor, 1 thread, ONNX Runtime 1.2.3');
});
