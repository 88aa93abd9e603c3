import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { gradients } from '#autodiff';
import { keyedNormals } from '#base';
import { emitLoss, emitPlainLoss, type LossInputs, type Objective, type TeacherTargets } from '#nn';
import type { GraphBuilder, TensorData, Value } from '#onnx';
import { evaluate, fixture, floats, ids, largestDifference } from './support.js';

interface StoredTargets {
  readonly kind: TeacherTargets['kind'];
  readonly ids?: readonly number[];
  readonly logProbs?: readonly (number | null)[];
}

interface Problem {
  readonly objective: Objective;
  readonly targets: StoredTargets;
  readonly logits: readonly number[];
  readonly labels: readonly number[];
  readonly weights: readonly number[];
}

interface Golden extends Problem {
  readonly name: string;
  readonly loss: number;
  readonly ce: readonly number[];
  readonly kl: readonly number[];
  readonly gradient: readonly number[];
}

interface Sizes {
  readonly positions: number;
  readonly vocabSize: number;
  readonly k: number;
}

const golden = fixture<Sizes & { readonly cases: readonly Golden[] }>('losses.json');

/** Loss, its parts and the gradient of the logits. */
async function solve(
  problem: Problem,
  { positions: N, vocabSize: V, k: K }: Sizes,
  emit = emitLoss,
): Promise<Record<'loss' | 'ce' | 'kl' | 'gradient', number[]>> {
  const feeds: Record<string, TensorData> = {
    logits: floats([N, V], problem.logits),
    labels: ids([N], problem.labels),
    weights: floats([N], problem.weights),
  };
  const { kind } = problem.targets;
  const width = kind === 'dense' ? V : K;
  if (kind !== 'none') {
    feeds.logProbs = floats(
      [N, width],
      problem.targets.logProbs!.map((value) => value ?? Number.NEGATIVE_INFINITY),
    );
  }
  if (kind === 'top_k') feeds.ids = ids([N, K], problem.targets.ids!);
  const results = await evaluate((b) => {
    const inputs: LossInputs = {
      logits_NV: b.input('logits', 'float32', [N, V]),
      labels_N: b.input('labels', 'int64', [N]),
      weights_N: b.input('weights', 'float32', [N]),
      targets: targetInputs(b, kind, N, width),
      objective: problem.objective,
    };
    const { loss, ce_N, kl_N, seeds } = emit(b, inputs);
    const [gradient] = gradients(b, { seeds, wrt: [inputs.logits_NV] });
    return { loss, ce: ce_N, kl: kl_N, gradient: gradient! };
  }, feeds);
  return results as Record<'loss' | 'ce' | 'kl' | 'gradient', number[]>;
}

function targetInputs(
  b: GraphBuilder,
  kind: TeacherTargets['kind'],
  N: number,
  width: number,
): TeacherTargets {
  const logProbs = (): Value => b.input('logProbs', 'float32', [N, width]);
  switch (kind) {
    case 'none':
      return { kind };
    case 'dense':
      return { kind, logProbs_NV: logProbs() };
    case 'top_k':
      return { kind, ids_NK: b.input('ids', 'int64', [N, width]), logProbs_NK: logProbs() };
  }
}

for (const problem of golden.cases) {
  test(`${problem.name}: loss, parts and gradient are those of float64`, async () => {
    const { loss, ce, kl, gradient } = await solve(problem, golden);
    // float32 has 6e-8 relative error; logits are within 40 and a dozen numbers are added.
    const tolerance = 4e-6 * Math.max(1, ...problem.logits.map(Math.abs));
    assert.ok(Math.abs(loss![0]! - problem.loss) < tolerance, `loss ${loss![0]} is not ${problem.loss}`);
    assert.ok(largestDifference(ce, problem.ce) < tolerance, `${ce} are not ${problem.ce}`);
    assert.ok(largestDifference(kl, problem.kl) < tolerance, `${kl} are not ${problem.kl}`);
    assert.ok(
      largestDifference(gradient, problem.gradient) < 2e-6,
      `${gradient} are not ${problem.gradient}`,
    );
  });
}

for (const problem of golden.cases) {
  test(`${problem.name}: the plain formula differentiated gives the same`, async () => {
    const chosen = await solve(problem, golden);
    const plain = await solve(problem, golden, emitPlainLoss);
    assert.ok(Math.abs(chosen.loss[0]! - plain.loss[0]!) < 1e-5);
    assert.ok(largestDifference(chosen.gradient, plain.gradient) < 2e-6);
  });
}

const sizes: Sizes = { positions: 4, vocabSize: 8, k: 3 };
const faithful: Objective = { gamma: 1, temperature: 1, temperatureSquared: false, direction: 'forward' };

/** A teacher whose logits are given, as targets of either kind. */
function targetsOf(
  kind: 'dense' | 'top_k',
  logits: readonly number[],
  { positions: N, vocabSize: V, k: K }: Sizes,
): StoredTargets {
  const rows = Array.from({ length: N }, (_, n) => {
    const row = logits.slice(n * V, (n + 1) * V);
    const logSum = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
    return row.map((z, id) => ({ id, logProb: z - logSum }));
  });
  if (kind === 'dense') return { kind, logProbs: rows.flat().map(({ logProb }) => logProb) };
  const best = rows.flatMap((row) => row.sort((a, b) => b.logProb - a.logProb).slice(0, K));
  return { kind, ids: best.map(({ id }) => id), logProbs: best.map(({ logProb }) => logProb) };
}

for (const kind of ['dense', 'top_k'] as const) {
  for (const direction of ['forward', 'reverse'] as const) {
    test(`a student equal to its teacher has no ${direction} KL and no gradient from it, with ${kind} targets`, async () => {
      const logits = Array.from(keyedNormals(1, 'test/logits', 32, 2));
      const problem: Problem = {
        objective: { ...faithful, direction },
        targets: targetsOf(kind, logits, sizes),
        logits,
        labels: [0, 1, 2, 3],
        weights: [1, 1, 1, 1],
      };
      const withTeacher = await solve(problem, sizes);
      const alone = await solve({ ...problem, targets: { kind: 'none' } }, sizes);
      // The tail, 1 minus a sum, is off by some 1e-7.
      assert.ok(largestDifference(withTeacher.kl, [0, 0, 0, 0]) < 2e-6, `KL is ${withTeacher.kl}`);
      assert.ok(largestDifference(withTeacher.gradient, alone.gradient) < 2e-6);
    });

    test(`${direction} KL is never negative, with ${kind} targets`, async () => {
      const pair = fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.double({ min: 0.1, max: 4, noNaN: true }));
      await fc.assert(
        fc.asyncProperty(pair, pair, async ([studentSeed, studentStd], [teacherSeed, teacherStd]) => {
          const logits = Array.from(keyedNormals(studentSeed, 'test/student', 32, studentStd));
          const teacher = Array.from(keyedNormals(teacherSeed, 'test/teacher', 32, teacherStd));
          const targets = targetsOf(kind, teacher, sizes);
          const problem: Problem = {
            objective: { ...faithful, direction },
            targets,
            logits,
            labels: [0, 1, 2, 3],
            weights: [1, 1, 1, 1],
          };
          const { kl } = await solve(problem, sizes);
          assert.ok(
            kl.every((value) => value > -2e-6),
            `KL is ${kl}`,
          );
        }),
        { numRuns: 8, seed: 7 },
      );
    });
  }
}

test('a NaN or infinity anywhere in the logits or targets shows in the loss', async () => {
  const logits = Array.from(keyedNormals(1, 'test/logits', 32, 2));
  const base: Problem = {
    objective: faithful,
    targets: targetsOf('top_k', logits, sizes),
    logits,
    labels: [0, 1, 2, 3],
    weights: [1, 1, 1, 1],
  };
  for (const poison of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const sick = logits.map((z, i) => (i === 21 ? poison : z));
    const { loss, gradient } = await solve({ ...base, logits: sick }, sizes);
    assert.ok(!Number.isFinite(loss[0]), `logit ${poison} gave loss ${loss[0]}`);
    assert.ok(gradient.some((value) => !Number.isFinite(value)));
  }
  const targets: StoredTargets = {
    ...base.targets,
    logProbs: base.targets.logProbs!.map((value, i) => (i === 4 ? Number.NaN : value)),
  };
  const { loss } = await solve({ ...base, targets }, sizes);
  assert.ok(!Number.isFinite(loss[0]), `a NaN target gave loss ${loss[0]}`);
});

test('cross-entropy is exact where the probability itself underflows', async () => {
  // Label 0 is 200 nats below label 1: exp(-200) is 0 in float32, its logarithm is not.
  const problem: Problem = {
    objective: faithful,
    targets: { kind: 'none' },
    logits: [0, 200],
    labels: [0],
    weights: [1],
  };
  const { ce } = await solve(problem, { positions: 1, vocabSize: 2, k: 0 });
  assert.equal(ce[0], 200);
});
