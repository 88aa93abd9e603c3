// A distillation without services: the same sessions, steps and measurements, called one after the other.
import { assert } from '#base';
import { type Corpus, initialCursors, openCorpus, planStep, type Window } from '#corpus';
import { scoringModel } from '#model';
import { learningRate } from '#nn';
import { type TensorData, tensorOver } from '#onnx';
import { Run } from '#proto/ddk/v1/types';
import type { Runtime, Session } from '#runtime';
import { bytesPerPosition, decodeTargets, encodeTargets, type TopKTargets } from '#targets';
import { restoreCheckpoint, saveCheckpoint, TrainEngine, type TrainRow } from '#train';
import { type LabelScorer, meanLoss } from '../../services/domain-evaluator/loss.js';
import { openStudent } from '../../services/domain-evaluator/student.js';
import { rowsPerMessage } from '../../services/lib/teacher/wire.js';
import { readPlan, schedule, stepSpec } from '../../services/student-trainer/run-plan.js';
import type { Distillation } from './distillation.js';

const execution = { provider: 'cpu', device: 0, report: () => undefined } as const;

/** Trains the intervals with the sampling weights given. Returns the digest of the last weights. */
export async function distilDirectly(
  made: Distillation,
  weightsOfIntervals: readonly (readonly number[])[],
  options: {
    readonly runtime: Runtime;
    readonly threads: number;
    readonly k: number;
    /** Whether the teacher scores the next step while the student takes this one, as the services do. */
    readonly pipelined: boolean;
  },
): Promise<string> {
  const { runtime, threads, k, pipelined } = options;
  const { store, runSpec } = made;
  const run = Run.fromPartial({ id: 'direct', spec: runSpec });
  await store.records.create('runs/direct', Run.encode(run).finish());
  const plan = await readPlan(store, 'direct');
  const corpus = await openCorpus(runSpec.corpusDigest, store.artifacts);
  const { domains, sequenceLength: length } = corpus.manifest;
  const { batchSize = 0, intervalSteps = 0, seed = 0 } = runSpec.training ?? {};
  const engine = await TrainEngine.open({
    runtime,
    spec: stepSpec(plan, length),
    execution: { provider: 'cpu', threads },
  });
  await restoreCheckpoint(engine, runSpec.baseCheckpointDigest, store.artifacts);
  const teacher = await openTeacher(made, { runtime, threads, rows: batchSize, length, k });
  const rates = schedule(plan);
  let cursors = initialCursors(domains.length);
  let checkpoint = runSpec.baseCheckpointDigest;
  for (let interval = 0; ; interval++) {
    // Once: the services keep the teacher's losses too.
    if (interval === 0) await lossesOf(corpus, teacher.rows, teacher.labels);
    await measureStudent(made, corpus, checkpoint, { runtime, threads });
    const weights = weightsOfIntervals[interval];
    if (!weights || weights.length === 0) break;
    const prepare = async (step: number) => {
      const windows = domains.map((d) => d.trainWindows);
      const planned = planStep({ seed, step, rows: batchSize, weights, windows, cursors });
      cursors = planned.cursors;
      const rows = await Promise.all(planned.rows.map((row) => corpus.window(row.domain, row.window)));
      const targets = await teacher.targets(rows);
      return rows.map(({ ids, mask }, at): TrainRow => {
        return { domain: planned.rows[at]?.domain ?? 0, ids, mask, targets: rowOf(targets, at, length) };
      });
    };
    const first = interval * intervalSteps + 1;
    let next = prepare(first);
    for (let step = first; step < first + intervalSteps; step++) {
      const rows = await next;
      const last = step === first + intervalSteps - 1;
      if (pipelined && !last) next = prepare(step + 1);
      await engine.step(rows, learningRate(rates, step));
      if (!pipelined && !last) next = prepare(step + 1);
    }
    const details = { cursors: { drawn: cursors.drawn }, mixtureVersion: interval, metrics: null };
    checkpoint = (await saveCheckpoint(engine, store.artifacts, details)).digest;
  }
  const digest = await engine.weightsDigest();
  await teacher.close();
  await engine.close();
  await corpus.close();
  return digest;
}

async function measureStudent(
  { store, runSpec }: Distillation,
  corpus: Corpus,
  checkpoint: string,
  { runtime, threads }: { readonly runtime: Runtime; readonly threads: number },
): Promise<void> {
  const digests = { student: runSpec.studentDigest, checkpoint };
  const student = await openStudent(store.artifacts, digests, corpus.manifest, {
    ...execution,
    runtime,
    threads,
  });
  const { signal } = new AbortController();
  await lossesOf(corpus, student.rows, (windows) => student.score(windows, signal));
  await student.close();
}

async function lossesOf(corpus: Corpus, batch: number, score: LabelScorer): Promise<number[]> {
  const losses: number[] = [];
  for (const { id, name } of corpus.manifest.domains) {
    const options = { who: 'student', domain: name, batch, onScored: () => undefined } as const;
    losses.push((await meanLoss(corpus.validation(id), score, options)).loss);
  }
  return losses;
}

/** The teacher's two sessions, of the rows that the services send in one message. */
async function openTeacher(
  { teacher: { config, weights } }: Distillation,
  at: {
    readonly runtime: Runtime;
    readonly threads: number;
    readonly rows: number;
    readonly length: number;
    readonly k: number;
  },
) {
  const { runtime, threads, length, k } = at;
  const encoding = { kind: 'top_k', k } as const;
  const limits = { maximumRows: 64, maximumPositions: 8192 };
  const rows = rowsPerMessage(at.rows, length, bytesPerPosition(encoding, config.vocabSize), limits);
  const open = async (head: 'top_k' | 'label_log_probs'): Promise<Session> => {
    const kind = head === 'top_k' ? ({ kind: head, k } as const) : ({ kind: head } as const);
    const graph = scoringModel({ config, weights, batch: rows, length, head: kind });
    const { bytes, externalDataFolder } = graph;
    return runtime.createSession(bytes, { provider: 'cpu', threads, externalDataFolder });
  };
  const [topK, labels] = [await open('top_k'), await open('label_log_probs')];
  const ids = (windows: readonly Window[], offset: number) => {
    const chosen = new BigInt64Array(rows * length);
    for (let row = 0; row < rows; row++) {
      const window = windows[Math.min(row, windows.length - 1)];
      for (let t = 0; t < length; t++) chosen[row * length + t] = BigInt(window?.ids[t + offset] ?? 0);
    }
    return tensorOver('int64', [rows, length], chosen);
  };
  const positions = at.rows * length;
  return {
    rows,
    close: () => Promise.all([topK.close(), labels.close()]),
    async labels(windows: readonly Window[]): Promise<Float32Array> {
      const found = await labels.run({ input_ids: ids(windows, 0), labels: ids(windows, 1) });
      return data<Float32Array>(found, 'label_log_probs').subarray(0, windows.length * length);
    },
    /** Rounded to float16 and back as they travel. */
    async targets(windows: readonly Window[]): Promise<TopKTargets> {
      const all = { ids: new Int32Array(positions * k), logProbs: new Float32Array(positions * k) };
      for (let from = 0; from < windows.length; from += rows) {
        const found = await topK.run({ input_ids: ids(windows.slice(from, from + rows), 0) });
        const kept = Math.min(rows, windows.length - from) * length * k;
        all.ids.set(data<Int32Array>(found, 'ids').subarray(0, kept), from * length * k);
        all.logProbs.set(data<Float32Array>(found, 'log_probs').subarray(0, kept), from * length * k);
      }
      const bytes = encodeTargets({ kind: 'top_k', positions, k, ...all }, config.vocabSize);
      return decodeTargets(bytes, encoding, config.vocabSize, positions) as TopKTargets;
    },
  };
}

function data<A extends Float32Array | Int32Array>(
  found: Readonly<Record<string, TensorData>>,
  name: string,
): A {
  const output = found[name];
  assert(output, `the session has an output ${name}`);
  return output.data as A;
}

function rowOf(targets: TopKTargets, row: number, length: number): TopKTargets {
  const [from, to] = [row * length * targets.k, (row + 1) * length * targets.k];
  return {
    ...targets,
    positions: length,
    ids: targets.ids.subarray(from, to),
    logProbs: targets.logProbs.subarray(from, to),
  };
}
