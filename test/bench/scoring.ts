// Teacher scoring through the service against a bare run of the same graph, in turns so that both meet the same machine.
// Prints positions a second and their ratio, which should be at least 0.95.
//
//   node dist/test/bench/scoring.js [small|large|B,T,C,H,L,F,V] [threads=2] [rounds=9]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keyedUint32, silentLogger } from '#base';
import type { Window } from '#corpus';
import { createModel, scoringModel } from '#model';
import { tensor } from '#onnx';
import { openRuntime } from '#runtime';
import { openTeacher } from '#teacher';
import { byteLevelTokenizerJson } from '#tokenizer';
import { startTeacherScoring } from '../../services/teacher-scoring/service.js';
import { parseShape } from './shapes.js';
import { formatTable, median } from './table.js';

const [shape = 'small', threadsText = '2', roundsText = '9'] = process.argv.slice(2);
const { rows, length, config } = parseShape(shape);
const threads = Number(threadsText);
const k = 32;
/** Batches a turn, and how many of them are on their way at once. */
const batches = 12;
const ahead = 4;

const folder = await mkdtemp(path.join(tmpdir(), 'ddk-bench-'));
const tokenizerJson = byteLevelTokenizerJson();
const model = await createModel({ folder: path.join(folder, 'teacher'), config, tokenizerJson, seed: 1 });
const runtime = await openRuntime();

const head = { kind: 'top_k', k, temperature: 1 } as const;
const graph = scoringModel({ config, weights: model.weights, batch: rows, length, head });
const { externalDataFolder } = graph;
const session = await runtime.createSession(graph.bytes, { provider: 'cpu', threads, externalDataFolder });
const server = await startTeacherScoring(
  { listen: '127.0.0.1:0', model: model.folder, provider: 'cpu', device: 0, threads, security: {} },
  { runtime, logger: silentLogger },
);
const teacher = await openTeacher({ address: server.address, logger: silentLogger });
const targets = await teacher.targets({ encoding: { kind: 'top_k', k }, temperature: 1, length });

function windows(batch: number): Window[] {
  return Array.from({ length: rows }, (_, row) => ({
    ids: Int32Array.from(
      { length: length + 1 },
      (_, t) => keyedUint32(batch, 'bench', row, t) % config.vocabSize,
    ),
    mask: new Uint8Array(length).fill(1),
  }));
}

const asked = Array.from({ length: batches }, (_, batch) => windows(batch));
const fed = asked.map((some) => ({
  input_ids: tensor(
    'int64',
    [rows, length],
    some.flatMap(({ ids }) => [...ids.subarray(0, length)]),
  ),
}));

async function bare(): Promise<void> {
  for (const feeds of fed) await session.run(feeds);
}

async function served(): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (const some of asked) {
    open.push(targets.fetch(some));
    if (open.length >= ahead) await open.shift();
  }
  await Promise.all(open);
}

async function timed(body: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await body();
  return (performance.now() - startedMs) / batches;
}

await bare();
await served();
const bareMs: number[] = [];
const servedMs: number[] = [];
for (let round = 0; round < Number(roundsText); round += 1) {
  bareMs.push(await timed(bare));
  servedMs.push(await timed(served));
}
const perSecond = (ms: number): number => Math.round((1000 * rows * length) / ms);
process.stdout.write(
  `${formatTable([
    ['what', 'ms a batch', 'positions a second'],
    ['session.run', median(bareMs), perSecond(median(bareMs))],
    ['the service', median(servedMs), perSecond(median(servedMs))],
  ])}\nratio ${(median(bareMs) / median(servedMs)).toFixed(3)}\n`,
);

targets.close();
teacher.close();
await server.close();
await session.close();
await runtime.close();
await rm(folder, { recursive: true });
