// Teacher scoring over gRPC against bare runs of the same graph, in positions a second.
//
//   node dist/test/bench/scoring.js [--shape small|large|B,T,C,H,L,F,V] [--k 16] [--threads 2] [--rounds 8] [--batches 10]
//
// Both sides take turns in one process, round by round. The service does everything it does for a trainer: protobuf,
// sockets, packing of float16 targets. The bare side only calls session.run.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keyedUint32, silentLogger } from '#base';
import { createModel, scoringModel } from '#model';
import { tensor } from '#onnx';
import { type ScoreSequencesRequest, TeacherScoringServiceService } from '#proto/ddk/v1/teacher_scoring';
import { createClient } from '#rpc';
import { openRuntime } from '#runtime';
import { byteLevelTokenizerJson } from '#tokenizer';
import { startTeacherScoring } from '../../services/teacher-scoring/service.js';
import { median, parseShape } from './shapes.js';

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'small' },
    k: { type: 'string', default: '16' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '8' },
    batches: { type: 'string', default: '10' },
  },
});
const { rows, length, config } = parseShape(values.shape);
const [k, threads, rounds, batches] = [values.k, values.threads, values.rounds, values.batches].map(
  Number,
) as [number, number, number, number];
const folder = await mkdtemp(join(tmpdir(), 'ddk-scoring-'));
const model = await createModel({
  folder: join(folder, 'teacher'),
  config,
  tokenizerJson: byteLevelTokenizerJson(),
  seed: 1,
});
const runtime = await openRuntime('c-api');
const server = await startTeacherScoring(
  { listen: '127.0.0.1:0', model: model.folder, provider: 'cpu', device: 0, threads, security: {} },
  { runtime, logger: silentLogger },
);
const client = await createClient(TeacherScoringServiceService, server.address);
const graph = scoringModel({
  config: model.config,
  weights: model.weights,
  batch: rows,
  length,
  head: { kind: 'top_k', k },
});
const session = await runtime.createSession(graph.bytes, {
  provider: 'cpu',
  threads,
  externalDataFolder: graph.externalDataFolder,
});

const ids = Int32Array.from(
  { length: rows * (length + 1) },
  (_, i) => keyedUint32(1, 'bench/scoring', i) % config.vocabSize,
);
const inputIds = tensor(
  'int64',
  [rows, length],
  Array.from({ length: rows * length }, (_, i) => ids[Math.floor(i / length) * (length + 1) + (i % length)]!),
);

function* requests(): Generator<ScoreSequencesRequest> {
  const output = { $case: 'targets', value: { kind: { $case: 'topK', value: { k } } } } as const;
  yield {
    message: { $case: 'options', value: { fingerprint: model.fingerprint, output, temperature: 1, length } },
  };
  const tokenIds = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  for (let id = 0; id < batches; id++) {
    yield { message: { $case: 'windows', value: { id: BigInt(id), rows, tokenIds } } };
  }
}

async function overGrpc(): Promise<void> {
  let answers = 0;
  for await (const _ of client.scoreSequences(requests())) answers++;
  if (answers !== batches) throw new Error(`${batches} batches were asked and ${answers} answered`);
}

async function bare(): Promise<void> {
  for (let i = 0; i < batches; i++) await session.run({ input_ids: inputIds });
}

async function positionsPerSecond(side: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await side();
  return (1000 * batches * rows * length) / (performance.now() - startMs);
}

await overGrpc();
await bare();
const service: number[] = [];
const direct: number[] = [];
for (let round = 0; round < rounds; round++) {
  service.push(await positionsPerSecond(overGrpc));
  direct.push(await positionsPerSecond(bare));
}
const ratios = service.map((rate, round) => rate / direct[round]!);
console.log(
  `${batches} batches of ${rows} x ${length}, top-${k} of ${config.vocabSize}, ${threads} threads; positions a second`,
);
console.log(`session.run   median ${median(direct).toFixed(0)}`);
console.log(`over gRPC     median ${median(service).toFixed(0)}   median ratio ${median(ratios).toFixed(3)}`);
client.close();
await server.close();
await session.close();
await runtime.close();
await rm(folder, { recursive: true });
