// Decoders as PyTorch's exporter writes them: read, specialised, differentiated, and equal to PyTorch in logits and
// gradients. test/fixtures/onnx/export.py made the files.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { gradients } from '#autodiff';
import {
  bindDimensions,
  encodeModel,
  GraphBuilder,
  inlineGraph,
  isExternal,
  type Model,
  optimise,
  readModel,
  type TensorData,
  type Value,
} from '#onnx';
import { openRuntime } from '#runtime';

interface Facts {
  readonly ids: readonly (readonly number[])[];
  readonly logits: readonly number[];
  /** Euclidean norms of the gradients of sum(logits^2) for every matrix of the model, ascending. */
  readonly gradientNorms: readonly number[];
}

const folder = 'test/fixtures/onnx';

async function load(name: string): Promise<{ model: Model; facts: Facts }> {
  const facts = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Facts;
  return { model: await readModel(join(folder, `${name}.onnx`)), facts };
}

async function run(
  model: Model,
  feeds: Readonly<Record<string, TensorData>>,
): Promise<Record<string, TensorData>> {
  const runtime = await openRuntime();
  try {
    const session = await runtime.createSession(encodeModel(model), { provider: 'cpu', threads: 1 });
    const results = await session.run(feeds);
    await session.close();
    return results;
  } finally {
    await runtime.close();
  }
}

function idsTensor({ ids }: Facts): TensorData {
  return {
    dtype: 'int64',
    shape: [ids.length, ids[0]!.length],
    data: BigInt64Array.from(ids.flat(), BigInt),
  };
}

function near(found: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  assert.equal(found.length, expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    assert.ok(Math.abs(found[i]! - value) <= tolerance * scale, `element ${i}: ${found[i]} and ${value}`);
  });
}

for (const name of ['llama', 'gpt2']) {
  test(`an exported ${name} is read and computes what PyTorch computes`, async () => {
    const { model, facts } = await load(name);
    assert.deepEqual(
      model.graph.inputs.map(({ shape }) => shape),
      [['batch', 'sequence']],
    );
    const { logits } = await run(model, { input_ids: idsTensor(facts) });
    near(logits!.data as Float32Array, facts.logits, 1e-5);
  });

  test(`with its sizes bound, every shape of an exported ${name} is known and what depends on shapes alone is folded`, async () => {
    const { model, facts } = await load(name);
    const bound = optimise(bindDimensions(model, { batch: 2, sequence: 5 }));
    const isKnown = ({ shape }: Value): boolean => shape?.every((dim) => typeof dim === 'number') ?? false;
    assert.ok(bound.graph.nodes.every((node) => node.outputs.every(isKnown)));
    const left = new Set(bound.graph.nodes.map(({ op }) => op));
    for (const op of ['Shape', 'Range', 'ConstantOfShape', 'GatherND', 'LessOrEqual', 'Identity'])
      assert.ok(!left.has(op), op);
    const feeds = { input_ids: idsTensor(facts) };
    assert.deepEqual(await run(bound, feeds), await run(model, feeds));
  });

  test(`the weights of an exported ${name} get the gradients PyTorch gives them`, async () => {
    const { model, facts } = await load(name);
    const [batch, sequence] = idsTensor(facts).shape as [number, number];
    const { graph } = optimise(bindDimensions(model, { batch, sequence }));
    const b = new GraphBuilder('gradients');
    const ids = b.input('input_ids', 'int64', [batch, sequence]);
    const feeds: Record<string, TensorData> = { input_ids: idsTensor(facts) };
    const matrices: Value[] = [];
    const outputs = inlineGraph(b, graph, {
      inputs: new Map([['input_ids', ids]]),
      initializer(value, where) {
        if (isExternal(where) || where.dtype !== 'float32' || where.shape.length !== 2) return undefined;
        feeds[value.name] = where;
        matrices.push(b.input(value.name, 'float32', where.shape));
        return matrices.at(-1);
      },
    });
    const logits = outputs.get('logits')!;
    const loss = b.reduceSum(b.mul(logits, logits), [0, 1, 2], false);
    gradients(b, { seeds: [{ value: loss, gradient: b.scalar(1) }], wrt: matrices }).forEach(
      (gradient, i) => {
        b.output(`gradient${i}`, gradient!);
      },
    );
    const results = await run(optimise(b.build()), feeds);
    const norms = Object.values(results).map(({ data }) => Math.hypot(...(data as Float32Array)));
    // An exporter may split what PyTorch ties or transpose what it stores; norms of whole matrices stay.
    near(Float64Array.from(norms).sort(), facts.gradientNorms, 1e-4);
  });
}
