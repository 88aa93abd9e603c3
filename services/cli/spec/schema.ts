// The spec file of a run: its fields, their defaults and their limits, which are the scheduler's. Knows no paths and no files.
import { z } from 'zod';
import { namePattern, nameRule } from '../../scheduler/run-name.js';

const fraction = z.number().min(0).max(1);
const upToOne = z.number().positive().max(1);
const count = (maximum: number) => z.int().min(1).max(maximum);
const name = z.string().regex(namePattern, `must be ${nameRule}`);

const domain = z.strictObject({
  name,
  /** Files, folders or globs, relative to the spec file. */
  paths: z.array(z.string().min(1)).min(1),
});

const corpus = z.strictObject({
  /** T: predicted positions of a window. */
  sequenceLength: z.int().min(2).max(1_048_576).default(512),
  /** Held-out documents a domain; the paper takes 500. */
  validationSamples: count(65_536).default(500),
});

const mixture = z.strictObject({
  policy: z.enum(['ddk', 'uniform', 'natural', 'fixed']).default('ddk'),
  alpha: fraction.default(0.5),
  /** Perplexity ratios above this are cut to it. Left out: never, as in the paper. */
  ratioClip: z.number().min(1).max(1e6).optional(),
  /** For the policy `fixed`: a weight for every domain. */
  weights: z.record(z.string(), z.number().min(0)).optional(),
});

const loss = z.strictObject({
  gamma: z.number().min(0).max(100).default(0.2),
  temperature: z.number().min(0.05).max(20).default(1),
  temperatureSquared: z.boolean().default(false),
  divergence: z.enum(['forward', 'reverse']).default('forward'),
});

const targets = z.strictObject({
  encoding: z.enum(['top_k', 'dense']).default('top_k'),
  k: count(1024).default(64),
});

const optimizer = z.strictObject({
  learningRate: upToOne.default(3e-5),
  minimumLearningRate: z.number().min(0).default(3e-6),
  warmupSteps: z.int().min(0).max(10_000_000).default(100),
  beta1: fraction.lt(1).default(0.9),
  beta2: fraction.lt(1).default(0.95),
  epsilon: upToOne.default(1e-8),
  weightDecay: z.number().min(0).max(10).default(0.1),
  clipNorm: z.number().min(0).max(1e6).default(1),
});

const training = z.strictObject({
  intervals: count(10_000).default(30),
  /** K of the paper: steps between two measurements. */
  intervalSteps: count(1_000_000).default(1000),
  batchSize: count(65_536).default(8),
  microBatches: count(65_536).default(1),
  /** 0: only at the end of an interval. */
  checkpointSeconds: z.int().min(0).max(86_400).default(60),
  seed: z.int().min(0).max(4_294_967_295).default(0),
});

const runtime = z.strictObject({
  provider: z.enum(['auto', 'cpu', 'cuda']).default('auto'),
  /** 0: all cores. */
  threads: z.int().min(0).max(1024).default(0),
  /** Index of the GPU. */
  device: z.int().min(0).max(1024).default(0),
});

/** Single fields; what they ask of one another is in across-fields.ts. */
export const specSchema = z.strictObject({
  name,
  /** Model folders: config.json, model.safetensors, tokenizer.json. */
  teacher: z.string().min(1),
  student: z.string().min(1),
  domains: z.array(domain).min(1).max(1000),
  corpus: corpus.prefault({}),
  mixture: mixture.prefault({}),
  loss: loss.prefault({}),
  targets: targets.prefault({}),
  optimizer: optimizer.prefault({}),
  training: training.prefault({}),
  runtime: runtime.prefault({}),
});

/** A spec with every default filled in; paths as written. */
export type Spec = z.output<typeof specSchema>;
