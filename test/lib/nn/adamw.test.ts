import assert from 'node:assert/strict';
import test from 'node:test';
import { type AdamWHyper, emitAdamW, emitClipScale, emitGlobalNorm, secondMomentUnit } from '#nn';
import type { TensorData, Value } from '#onnx';
import { evaluate, fixture, floats, largestDifference } from './support.js';

type ByName<T> = Readonly<Record<'matrix' | 'norm', T>>;
type Numbers = readonly number[];

interface Golden {
  readonly hyper: AdamWHyper;
  readonly maxNorm: number;
  readonly shapes: ByName<Numbers>;
  readonly start: ByName<Numbers>;
  readonly steps: readonly {
    readonly learningRate: number;
    readonly gradients: ByName<Numbers>;
    readonly norm: number;
    readonly parameters: ByName<Numbers>;
    readonly m: ByName<Numbers>;
    readonly v: ByName<Numbers>;
  }[];
}

const golden = fixture<Golden>('adamw.json');
const names = ['matrix', 'norm'] as const;

/** One clipped step on both parameters, from feeds named `<parameter>.<p|g|m|v>`. */
function step(feeds: Record<string, TensorData>, hyper: AdamWHyper): Promise<Record<string, number[]>> {
  return evaluate((b) => {
    const state = (name: (typeof names)[number], part: string): Value =>
      b.input(`${name}.${part}`, 'float32', golden.shapes[name]);
    const gradients = { matrix: state('matrix', 'g'), norm: state('norm', 'g') };
    const norm = emitGlobalNorm(b, [gradients.matrix, gradients.norm]);
    const scalars = {
      learningRate: b.input('learningRate', 'float32', []),
      biasCorrection1: b.input('biasCorrection1', 'float32', []),
      biasCorrection2: b.input('biasCorrection2', 'float32', []),
      clipScale: emitClipScale(b, norm, golden.maxNorm),
    };
    const outputs: Record<string, Value> = { norm };
    for (const name of names) {
      const old = {
        parameter: state(name, 'p'),
        gradient: gradients[name],
        m: state(name, 'm'),
        v: state(name, 'v'),
      };
      const next = emitAdamW(b, { ...old, decay: name === 'matrix' }, scalars, hyper);
      Object.assign(outputs, {
        [`next.${name}.p`]: next.parameter,
        [`next.${name}.m`]: next.m,
        [`next.${name}.v`]: next.v,
      });
    }
    return outputs;
  }, feeds);
}

test('six clipped steps are those of torch.optim.AdamW and clip_grad_norm_ in float64', async () => {
  const state: Record<string, number[]> = {};
  for (const name of names) {
    state[`${name}.p`] = [...golden.start[name]];
    state[`${name}.m`] = golden.start[name].map(() => 0);
    state[`${name}.v`] = golden.start[name].map(() => 0);
  }
  for (const [index, expected] of golden.steps.entries()) {
    const t = index + 1;
    const feeds: Record<string, TensorData> = {
      learningRate: floats([], [expected.learningRate]),
      biasCorrection1: floats([], [1 - golden.hyper.beta1 ** t]),
      biasCorrection2: floats([], [1 - golden.hyper.beta2 ** t]),
    };
    for (const name of names) {
      feeds[`${name}.g`] = floats(golden.shapes[name], expected.gradients[name]);
      for (const part of ['p', 'm', 'v'])
        feeds[`${name}.${part}`] = floats(golden.shapes[name], state[`${name}.${part}`]!);
    }
    const result = await step(feeds, golden.hyper);
    assert.ok(Math.abs(result.norm![0]! / expected.norm - 1) < 1e-6);
    for (const name of names) {
      for (const part of ['p', 'm', 'v']) state[`${name}.${part}`] = result[`next.${name}.${part}`]!;
      // A parameter is near 1 and each step adds a rounding error of 6e-8.
      assert.ok(
        largestDifference(state[`${name}.p`]!, expected.parameters[name]) < 5e-7,
        `parameter ${name}, step ${t}`,
      );
      assert.ok(largestDifference(state[`${name}.m`]!, expected.m[name]) < 1e-7, `m of ${name}, step ${t}`);
      const v = state[`${name}.v`]!.map((value) => value * secondMomentUnit(golden.hyper));
      assert.ok(largestDifference(v, expected.v[name]) < 1e-7, `v of ${name}, step ${t}`);
    }
  }
});

test('the global norm goes over all gradients together and a small one is not scaled up', async () => {
  // sqrt(3^2 + 4^2) = 5; with maximum 1 the factor is 1/5, with maximum 10 it is 1.
  const clip = (maxNorm: number): Promise<Record<string, number[]>> =>
    evaluate(
      (b) => {
        const norm = emitGlobalNorm(b, [b.input('a', 'float32', [1, 1, 1]), b.input('b', 'float32', [2])]);
        return { norm, scale: emitClipScale(b, norm, maxNorm) };
      },
      { a: floats([1, 1, 1], [3]), b: floats([2], [0, -4]) },
    );
  assert.deepEqual((await clip(1)).norm, [5]);
  assert.ok(Math.abs((await clip(1)).scale![0]! - 0.2) < 1e-6);
  assert.deepEqual((await clip(10)).scale, [1]);
});

test('a NaN gradient reaches the norm and the clip factor', async () => {
  const { norm, scale } = await evaluate(
    (b) => {
      const value = emitGlobalNorm(b, [b.input('a', 'float32', [2])]);
      return { norm: value, scale: emitClipScale(b, value, 1) };
    },
    { a: floats([2], [Number.NaN, 1]) },
  );
  assert.ok(Number.isNaN(norm![0]));
  assert.ok(Number.isNaN(scale![0]));
});
