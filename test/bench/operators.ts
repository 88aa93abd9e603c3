// Where the time of a training step goes, by operator, from ONNX Runtime's profile.
//
//   node dist/test/bench/operators.js [--shape small|large|B,T,C,H,L,F,V] [--steps 20] [--threads 2] [--by operator|shape]
//
// A node's time is the lower quartile over the steps, so that other work on the machine counts little; profiling itself
// makes small nodes slower.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openRuntime } from '#runtime';
import { TrainEngine } from '#train';
import { freshWeights, parseShape, randomRows, stepSpec } from './shapes.js';

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'small' },
    k: { type: 'string', default: '16' },
    steps: { type: 'string', default: '20' },
    threads: { type: 'string', default: '2' },
    by: { type: 'string', default: 'operator' },
    top: { type: 'string', default: '30' },
    keep: { type: 'string' },
  },
});

interface TraceEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

const folder = values.keep ?? (await mkdtemp(join(tmpdir(), 'ddk-profile-')));
const shape = parseShape(values.shape);
const k = Number(values.k);
const runtime = await openRuntime('c-api');
const engine = await TrainEngine.open({
  runtime,
  spec: stepSpec(shape, k),
  execution: { provider: 'cpu', threads: Number(values.threads), profilePrefix: join(folder, 'step') },
});
await engine.load(freshWeights(shape.config));
const rows = randomRows(shape, k);
for (let i = 0; i < Number(values.steps); i++) await engine.step(rows, 1e-3);
const path = await engine.endProfiling();
await engine.close();
await runtime.close();
if (path === undefined) throw new Error('the session kept no profile');
const events = JSON.parse(await readFile(path, 'utf8')) as TraceEvent[];
if (values.keep === undefined) await rm(folder, { recursive: true });

const nodes = new Map<string, { readonly event: TraceEvent; readonly durations: number[] }>();
for (const event of events) {
  if (event.cat !== 'Node' || !event.name.endsWith('_kernel_time')) continue;
  const node = nodes.get(event.name) ?? { event, durations: [] };
  node.durations.push(event.dur);
  nodes.set(event.name, node);
}
const groups = new Map<string, { nodes: number; microseconds: number }>();
for (const { event, durations } of nodes.values()) {
  const key = values.by === 'shape' ? `${event.args.op_name} ${shapesOf(event)}` : String(event.args.op_name);
  const group = groups.get(key) ?? { nodes: 0, microseconds: 0 };
  group.nodes++;
  group.microseconds += durations.sort((a, b) => a - b)[durations.length >> 2] as number;
  groups.set(key, group);
}
const total = [...groups.values()].reduce((sum, { microseconds }) => sum + microseconds, 0);
console.log(`${nodes.size} nodes, ${(total / 1e3).toFixed(1)} ms a step`);
for (const [key, { nodes: count, microseconds }] of [...groups]
  .sort(([, a], [, b]) => b.microseconds - a.microseconds)
  .slice(0, Number(values.top))) {
  const share = ((100 * microseconds) / total).toFixed(1);
  console.log(
    `${(microseconds / 1e3).toFixed(2).padStart(8)} ms ${share.padStart(5)} % ${String(count).padStart(5)} x ${key}`,
  );
}

function shapesOf({ args }: TraceEvent): string {
  const list = (tensors: TraceEvent['args']['input_type_shape'] = []) =>
    tensors.map((tensor) => Object.values(tensor)[0]?.join('x')).join(', ');
  return `${list(args.input_type_shape)} -> ${list(args.output_type_shape)}`;
}
