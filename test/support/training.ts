// Small training set-ups, their data made from counters, for the tests of training.
import { keyedUint32 } from '#base';
import { type DecoderConfig, decoderParameters, initialParameter } from '#nn';
import { openRuntime, type Runtime } from '#runtime';
import { type StateSource, type StepSpec, TrainEngine, type TrainRow } from '#train';

export const tinyConfig: DecoderConfig = {
  family: 'llama',
  vocabSize: 64,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 16,
  tieEmbeddings: false,
  initializerRange: 0.05,
};

/** 54,000 multiplications a position: a step takes a millisecond. */
export const tinySpec: StepSpec = {
  config: tinyConfig,
  batch: 4,
  microBatches: 1,
  length: 8,
  targets: { kind: 'top_k', k: 4 },
  objective: { gamma: 0.5, temperature: 1, temperatureSquared: false, direction: 'forward' },
  optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
};

/** The shape on which training is compared with others: 5.3 million parameters, 8 x 128 positions. */
export const benchSpec: StepSpec = {
  ...tinySpec,
  config: {
    ...tinyConfig,
    vocabSize: 4096,
    hiddenSize: 256,
    intermediateSize: 688,
    layers: 4,
    heads: 4,
    kvHeads: 4,
    headDim: 64,
    maxPositions: 128,
  },
  batch: 8,
  length: 128,
  targets: { kind: 'top_k', k: 16 },
};

export function startingWeights(config: DecoderConfig, seed = 1): StateSource {
  const specs = new Map(decoderParameters(config).map((spec) => [spec.name, spec]));
  return {
    step: 0,
    read: ({ role, name }) => {
      const spec = specs.get(name);
      return role === 'parameter' && spec ? initialParameter(spec, seed) : undefined;
    },
  };
}

/** The rows of one step: a pure function of its number. Two domains; a token decides the next, so there is something to learn. */
export function rowsOfStep(spec: StepSpec, step: number): TrainRow[] {
  const { vocabSize } = spec.config;
  return Array.from({ length: spec.batch * spec.microBatches }, (_, row): TrainRow => {
    const ids = new Int32Array(spec.length + 1);
    ids[0] = keyedUint32(7, 'test/row', step, row) % vocabSize;
    for (let i = 1; i < ids.length; i++) ids[i] = ((ids[i - 1] as number) * 5 + 3) % vocabSize;
    const mask = new Uint8Array(spec.length).fill(1);
    if (row % 2 === 1) mask.fill(0, 0, 3);
    return { domain: row % 2, ids, mask, ...teacherOf(spec, ids) };
  });
}

/** A teacher who is 80 % sure of the next token and spreads 10 % over its neighbours. */
function teacherOf(spec: StepSpec, ids: Int32Array): Pick<TrainRow, 'targets'> {
  const { vocabSize } = spec.config;
  const positions = spec.length;
  switch (spec.targets.kind) {
    case 'none':
      return {};
    case 'top_k': {
      const { k } = spec.targets;
      const listed = Int32Array.from({ length: positions * k }, (_, j) => {
        return ((ids[Math.floor(j / k) + 1] as number) + (j % k)) % vocabSize;
      });
      const logProbs = Float32Array.from(listed, (_, j) => Math.log(j % k === 0 ? 0.8 : 0.1 / k));
      return { targets: { kind: 'top_k', positions, k, ids: listed, logProbs } };
    }
    case 'dense': {
      const logProbs = new Float32Array(positions * vocabSize).fill(Math.log(0.2 / (vocabSize - 1)));
      for (let i = 0; i < positions; i++) logProbs[i * vocabSize + (ids[i + 1] as number)] = Math.log(0.8);
      return { targets: { kind: 'dense_f16', positions, vocabSize, logProbs } };
    }
  }
}

export const learningRateOfStep = (step: number): number => 3e-3 / (1 + 0.1 * step);

export async function openEngine(spec: StepSpec, threads = 1, runtime?: Runtime): Promise<TrainEngine> {
  return TrainEngine.open({
    runtime: runtime ?? (await openRuntime()),
    spec,
    execution: { provider: 'cpu', threads },
  });
}

/** Takes steps until `last` (inclusive) are done. */
export async function trainUntil(engine: TrainEngine, last: number): Promise<number[]> {
  const losses: number[] = [];
  while (engine.stepsDone < last) {
    const step = engine.stepsDone + 1;
    const rows = rowsOfStep(engine.program.spec, step);
    losses.push((await engine.step(rows, learningRateOfStep(step))).loss);
  }
  return losses;
}
