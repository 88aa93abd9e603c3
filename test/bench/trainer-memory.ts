// Shows how much memory the trainer's engine takes for the size of its state, and that it stays flat.
//
//   node dist/test/bench/trainer-memory.js                 5 M and 100 M parameters, 1,000 steps, 20 engines
//   node dist/test/bench/trainer-memory.js --only 100M     one of 5M, 100M, steps, engines
//
// Each part runs in a process of its own. State is parameters + moments: 12 bytes a parameter. `above base` is what is
// resident beyond what Node and ONNX Runtime's library took before the engine was opened.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { assert, keyedUint32 } from '#base';
import { type DecoderConfig, parameterCount } from '#nn';
import { openRuntime } from '#runtime';
import { openDiskStore } from '#store';
import {
  createInitialCheckpoint,
  restoreCheckpoint,
  type StepSpec,
  saveCheckpoint,
  stateTensors,
  TrainEngine,
} from '#train';
import {
  benchSpec,
  learningRateOfStep,
  openEngine,
  rowsOfStep,
  startingWeights,
  tinySpec,
} from '../support/training.js';
import { liveBytes } from './live-bytes.js';
import { peakOfLife, resetPeak, residentMemory, toMiB } from './resident-memory.js';
import { type Cell, formatTable, slope } from './table.js';

const usage = `usage: node dist/test/bench/trainer-memory.js [--only 5M|100M|steps|engines] [--threads 2] [--batch 1] [--length 32]

Peak memory of training against the size of its state at two sizes, over 1,000 steps, and over 20 engines.`;

const large: DecoderConfig = {
  ...benchSpec.config,
  vocabSize: 32_000,
  hiddenSize: 768,
  intermediateSize: 2048,
  layers: 7,
  heads: 12,
  kvHeads: 12,
};
const sizes: Readonly<Record<string, DecoderConfig>> = { '5M': benchSpec.config, '100M': large };
const parts = [...Object.keys(sizes), 'steps', 'engines'];

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    threads: { type: 'string', default: '2' },
    batch: { type: 'string', default: '1' },
    length: { type: 'string', default: '32' },
    /** A part to run in this process, and the folder of its store. */
    child: { type: 'string' },
    store: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const threads = Number(options.threads);

if (options.help) console.log(usage);
else if (options.child !== undefined) await runPart(options.child);
else for (const part of parts) if (options.only === undefined || options.only === part) await inChild(part);

async function inChild(part: string): Promise<void> {
  const store = await mkdtemp(join(tmpdir(), 'ddk-trainer-memory-'));
  const run = async (child: string) => {
    const { threads, batch, length } = options;
    const given = Object.entries({ child, store, threads, batch, length });
    const args = given.flatMap(([name, value]) => [`--${name}`, value]);
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), ...args]);
    process.stdout.write(stdout);
  };
  try {
    if (part in sizes) await run(`prepare-${part}`);
    await run(part);
  } finally {
    await rm(store, { recursive: true, force: true });
  }
}

async function runPart(part: string): Promise<void> {
  if (part === 'steps') await thousandSteps();
  else if (part === 'engines') await twentyEngines();
  else if (part.startsWith('prepare-')) await prepare(configOf(part.slice('prepare-'.length)));
  else await againstState(part, configOf(part));
}

function configOf(size: string): DecoderConfig {
  const config = sizes[size];
  assert(config, `one of ${parts.join(', ')}`);
  return config;
}

/** The checkpoint that the measured process starts from, so that it loads as the trainer does. */
async function prepare(config: DecoderConfig): Promise<void> {
  const store = await openDiskStore(options.store ?? '');
  const shapes = new Map(startingShapes(config));
  const read = async (name: string) => quickNoise(shapes.get(name) ?? [], name);
  const { digest } = await createInitialCheckpoint({ artifacts: store.artifacts, config, cursors: [], read });
  await store.records.create('start', new TextEncoder().encode(digest));
  await store.close();
}

async function againstState(size: string, config: DecoderConfig): Promise<void> {
  const spec: StepSpec = {
    ...benchSpec,
    config,
    batch: Number(options.batch),
    length: Number(options.length),
  };
  const store = await openDiskStore(options.store ?? '');
  const record = await store.records.get('start');
  assert(record, 'the first checkpoint is there');
  const runtime = await openRuntime();
  const base = residentMemory().now;
  const stateBytes = 12 * parameterCount(config);
  const rows: Cell[][] = [['after', 'resident', 'above base', 'x state', 'peak of phase', 'peak x state']];
  const ratio = (bytes: number) => ((bytes - base) / stateBytes).toFixed(2);
  let highest = 0;
  const phase = async <T>(name: string, body: () => Promise<T>): Promise<T> => {
    resetPeak();
    const result = await body();
    const { now, peak } = residentMemory();
    highest = Math.max(highest, peak);
    rows.push([name, toMiB(now), toMiB(now - base), ratio(now), toMiB(peak), ratio(peak)]);
    return result;
  };
  const engine = await phase('opening', () =>
    TrainEngine.open({ runtime, spec, execution: { provider: 'cpu', threads } }),
  );
  const restore = (digest: string) => restoreCheckpoint(engine, digest, store.artifacts);
  const steps = async (count: number) => {
    for (let i = 0; i < count; i++) await engine.step(rowsOfStep(spec, i + 1), 1e-4);
  };
  await phase('loading a checkpoint', () => restore(new TextDecoder().decode(record.value)));
  await phase('1 step', () => steps(1));
  await phase('10 steps', () => steps(9));
  const details = { cursors: [], mixtureVersion: 0, metrics: [] };
  const saved = await phase('saving a checkpoint', () => saveCheckpoint(engine, store.artifacts, details));
  await phase('5 steps more', () => steps(5));
  await phase('loading it again', () => restore(saved.digest));
  await phase('5 steps more', () => steps(5));
  await engine.close();
  await runtime.close();
  await store.close();
  const { activations, gradients } = liveBytes(engine.program);
  console.log(
    `${size}: ${(parameterCount(config) / 1e6).toFixed(1)} M parameters, vocabulary ${config.vocabSize}, batch ${spec.batch} x ${spec.length}, ${threads} threads\n` +
      `  state (parameters + moments) ${toMiB(stateBytes)} MiB, gradients ${toMiB(gradients)} MiB, ` +
      `other values alive at once ${toMiB(activations)} MiB, base ${toMiB(base)} MiB\n${formatTable(rows)}\n` +
      `  highest of all phases ${toMiB(highest)} MiB: base and ${ratio(highest)} x state\n`,
  );
}

async function thousandSteps(): Promise<void> {
  const engine = await openEngine(tinySpec, threads);
  await engine.load(startingWeights(tinySpec.config));
  const points: [number, number][] = [];
  for (let step = 1; step <= 1_000; step++) {
    await engine.step(rowsOfStep(tinySpec, step), learningRateOfStep(step));
    if (step % 50 === 0) points.push([step, residentMemory().now]);
  }
  await engine.close();
  // The first steps warm up the engine and the compiler.
  const later = points.filter(([step]) => step > 200);
  const shown: Cell[][] = [
    ['step', 'resident MiB'],
    ...points.filter((_, i) => i % 4 === 3).map(([step, now]) => [step, toMiB(now)]),
  ];
  console.log(
    `1,000 steps of a tiny model, ${threads} threads\n${formatTable(shown)}\n` +
      `  slope after step 200: ${(slope(later) / 1024).toFixed(2)} KiB a step\n`,
  );
}

async function twentyEngines(): Promise<void> {
  const runtime = await openRuntime();
  const spec: StepSpec = { ...benchSpec, batch: Number(options.batch), length: Number(options.length) };
  const stateBytes = 12 * parameterCount(spec.config);
  const points: [number, number][] = [];
  for (let turn = 1; turn <= 20; turn++) {
    const engine = await openEngine(spec, threads, runtime);
    await engine.load(startingWeights(spec.config));
    for (let step = 1; step <= 3; step++) await engine.step(rowsOfStep(spec, step), learningRateOfStep(step));
    await engine.close();
    points.push([turn, residentMemory().now]);
  }
  await runtime.close();
  const rows: Cell[][] = [
    ['engine', 'resident MiB'],
    ...points.filter(([turn]) => turn % 2 === 0).map(([turn, now]) => [turn, toMiB(now)]),
  ];
  console.log(
    `20 engines of ${(parameterCount(spec.config) / 1e6).toFixed(1)} M parameters opened, stepped and closed; two state sets are ${toMiB(2 * stateBytes)} MiB\n` +
      `${formatTable(rows)}\n` +
      `  slope after engine 5: ${(slope(points.slice(5)) / 1024 ** 2).toFixed(2)} MiB an engine; peak ${toMiB(peakOfLife())} MiB\n`,
  );
}

function startingShapes(config: DecoderConfig): [string, readonly number[]][] {
  return stateTensors(config)
    .filter(({ role }) => role === 'parameter')
    .map(({ name, shape }) => [name, shape]);
}

/** Small values of no pattern that are quick to make. */
function quickNoise(shape: readonly number[], name: string): Float32Array {
  const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  if (name.endsWith('norm.weight')) return data.fill(1);
  let state = keyedUint32(1, 'bench/noise', name.length);
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 32 - 0.5) * 0.06;
  }
  return data;
}
