// The shapes that training is measured on, and their data. Letters: B rows, T positions, C hidden, H heads, L layers, F
// intermediate, V vocabulary, K listed entries.
import { keyedUint32 } from '#base';
import { type DecoderConfig, decoderParameters, initialParameter } from '#nn';
import type { StateSource, StepSpec, TrainRow } from '#train';

/** B,T,C,H,L,F,V: 5.3 and 27.4 million parameters. */
export const SHAPES = { small: '8,128,256,4,4,688,4096', large: '8,128,512,8,6,1376,8192' } as const;

export interface StepShape {
  readonly rows: number;
  readonly length: number;
  readonly config: DecoderConfig;
}

/** @param text B,T,C,H,L,F,V, or the name of a shape. */
export function parseShape(text: string): StepShape {
  const numbers = (text in SHAPES ? SHAPES[text as keyof typeof SHAPES] : text).split(',').map(Number);
  const [B, T, C, H, L, F, V] = numbers as [number, number, number, number, number, number, number];
  if (numbers.length !== 7 || numbers.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new Error(`${text} is not a shape: give ${Object.keys(SHAPES).join(', ')} or B,T,C,H,L,F,V`);
  }
  const config: DecoderConfig = {
    vocabSize: V,
    hiddenSize: C,
    intermediateSize: F,
    layers: L,
    heads: H,
    kvHeads: H,
    headDim: C / H,
    rmsNormEps: 1e-5,
    ropeTheta: 10_000,
    maxPositions: T,
    tieEmbeddings: false,
    initializerRange: 0.02,
  };
  return { rows: B, length: T, config };
}

/** Everything a step has: cross-entropy, KL on top-k targets, clipping to norm 1, AdamW with decay on matrices. */
export function stepSpec({ rows, length, config }: StepShape, k: number): StepSpec {
  return {
    config,
    batch: rows,
    microBatches: 1,
    length,
    targets: { kind: 'top_k', k },
    objective: { gamma: 0.2, temperature: 1, temperatureSquared: false, direction: 'forward' },
    optimizer: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
  };
}

export function freshWeights(config: DecoderConfig): StateSource {
  const specs = new Map(decoderParameters(config).map((spec) => [spec.name, spec]));
  return {
    step: 0,
    read: ({ role, name }) => {
      const spec = specs.get(name);
      return role === 'parameter' && spec ? initialParameter(spec, 1) : undefined;
    },
  };
}

/** Random tokens, and a teacher that gives k distinct tokens 90 % of the probability. */
export function randomRows({ rows, length, config }: StepShape, k: number): TrainRow[] {
  const { vocabSize: V } = config;
  return Array.from({ length: rows }, (_, row) => ({
    domain: 0,
    ids: Int32Array.from({ length: length + 1 }, (_, t) => keyedUint32(1, 'bench/ids', row, t) % V),
    mask: new Uint8Array(length).fill(1),
    targets: {
      kind: 'top_k' as const,
      positions: length,
      k,
      ids: Int32Array.from({ length: length * k }, (_, j) => {
        const first = keyedUint32(1, 'bench/teacher', row, Math.floor(j / k));
        return (first + (j % k) * 31) % V;
      }),
      logProbs: new Float32Array(length * k).fill(Math.log(0.9 / k)),
    },
  }));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}
