// A training step of ours, timed for run-step.mjs: for each line on standard input, a count, takes that many steps and
// answers with one line: a JSON array of milliseconds a step.
//
//   echo 20 | node dist/test/bench/step.js [--shape small|large|B,T,C,H,L,F,V] [--k 16] [--threads 2] [--spin-us 1000]
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { openRuntime } from '#runtime';
import { TrainEngine } from '#train';
import { freshWeights, parseShape, randomRows, stepSpec } from './shapes.js';

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'small' },
    k: { type: 'string', default: '16' },
    threads: { type: 'string', default: '2' },
    'spin-us': { type: 'string' },
  },
});
const shape = parseShape(values.shape);
const k = Number(values.k);
const runtime = await openRuntime('c-api');
const engine = await TrainEngine.open({
  runtime,
  spec: stepSpec(shape, k),
  execution: {
    provider: 'cpu',
    threads: Number(values.threads),
    ...(values['spin-us'] === undefined ? {} : { spinUs: Number(values['spin-us']) }),
  },
});
await engine.load(freshWeights(shape.config));
const rows = randomRows(shape, k);
for await (const line of createInterface({ input: process.stdin })) {
  const milliseconds: number[] = [];
  for (let i = 0; i < Number(line); i++) {
    const startMs = performance.now();
    await engine.step(rows, 1e-3);
    milliseconds.push(performance.now() - startMs);
  }
  console.log(JSON.stringify(milliseconds));
}
await engine.close();
await runtime.close();
