// A world small enough for a whole `ddk run` in a moment: text of three kinds, a teacher, a student and a spec, in a folder.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyedUint32 } from '#base';
import { createModel } from '#model';
import type { DecoderConfig } from '#nn';
import { byteLevelTokenizerJson } from '#tokenizer';
import { type Finished, jsonLines, type Running, type RunOptions, startDdk } from './ddk-process.js';

export const domainNames = ['mail', 'code', 'sums'] as const;

/** What a spec says, as its file has it; JSON is YAML. */
export type SpecFields = Readonly<Record<string, unknown>>;

/** Two intervals of three steps: the gaps are measured three times. */
export const tinySpec = {
  name: 'tiny',
  teacher: './teacher',
  student: './student',
  domains: [
    { name: 'mail', paths: ['./text/mail'] },
    { name: 'code', paths: ['./text/code.jsonl'] },
    { name: 'sums', paths: ['./text/sums.jsonl'] },
  ],
  corpus: { sequenceLength: 24, validationSamples: 3 },
  mixture: { alpha: 0.5 },
  loss: { gamma: 0.5 },
  targets: { k: 8 },
  optimizer: { learningRate: 5e-3, minimumLearningRate: 1e-3, warmupSteps: 2 },
  training: { intervals: 2, intervalSteps: 3, batchSize: 4, microBatches: 1, checkpointSeconds: 0, seed: 7 },
  runtime: { provider: 'cpu', threads: 1 },
} as const;

export const tinySteps = tinySpec.training.intervals * tinySpec.training.intervalSteps;

const teacherConfig: DecoderConfig = {
  vocabSize: 257,
  hiddenSize: 24,
  intermediateSize: 48,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 12,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 32,
  tieEmbeddings: true,
  // Far from uniform, so that there is something to take over.
  initializerRange: 0.2,
};

const studentConfig: DecoderConfig = {
  ...teacherConfig,
  hiddenSize: 16,
  intermediateSize: 32,
  layers: 1,
  kvHeads: 2,
  headDim: 8,
  tieEmbeddings: false,
  initializerRange: 0.05,
};

export interface TinyWorld {
  readonly folder: string;
  /** Writes a spec, by default as `<name>.yaml`; fields given replace the tiny ones, groups field by field. */
  spec(changes?: SpecFields, file?: string): Promise<string>;
  /** `ddk ARGS` in the folder. */
  start(args: readonly string[], options?: Omit<RunOptions, 'cwd'>): Running;
  /** The same, to its end. */
  ddk(args: readonly string[], options?: Omit<RunOptions, 'cwd'>): Promise<Finished>;
  model(name: string, changes?: Partial<DecoderConfig>, tokenizerJson?: string): Promise<string>;
  /** A folder like this one was when it was new. */
  another(): Promise<TinyWorld>;
  remove(): Promise<void>;
}

/** Text, models and `tiny.yaml`; nothing has run yet. */
export async function tinyWorld(): Promise<TinyWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'ddk-e2e-'));
  const world = worldAt(folder);
  await writeText(join(folder, 'text'));
  await world.model('teacher', teacherConfig);
  await world.model('student');
  await world.spec();
  return world;
}

function worldAt(folder: string): TinyWorld {
  return {
    folder,
    async spec(changes = {}, file = `${String(changes.name ?? tinySpec.name)}.yaml`) {
      await writeFile(join(folder, file), `${JSON.stringify(merged(tinySpec, changes), null, 2)}\n`);
      return file;
    },
    start: (args, options = {}) => startDdk(args, { ...options, cwd: folder }),
    ddk: (args, options = {}) => startDdk(args, { ...options, cwd: folder }).finished,
    async model(name, changes = {}, tokenizerJson = byteLevelTokenizerJson()) {
      const config = { ...studentConfig, ...changes };
      await createModel({ folder: join(folder, name), config, tokenizerJson, seed: config.layers });
      return name;
    },
    async another() {
      const other = await mkdtemp(join(tmpdir(), 'ddk-e2e-'));
      for (const part of ['text', 'teacher', 'student', 'tiny.yaml'])
        await cp(join(folder, part), join(other, part), { recursive: true, preserveTimestamps: true });
      return worldAt(other);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function merged(base: SpecFields, changes: SpecFields): SpecFields {
  const isGroup = (value: unknown): value is SpecFields =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const before = result[key];
    result[key] = isGroup(before) && isGroup(value) ? { ...before, ...value } : value;
  }
  return result;
}

/** Plain text files, JSON lines, and prompts with completions. Made by counting, so the same everywhere. */
async function writeText(folder: string): Promise<void> {
  await mkdir(join(folder, 'mail'), { recursive: true });
  const words = 'the ship came late and we read your letter by a small lamp near the harbour wall'.split(' ');
  const sentence = (i: number): string =>
    Array.from({ length: 12 }, (_, w) => words[keyedUint32(1, 'test/text', i, w) % words.length]).join(' ');
  for (let i = 0; i < 12; i++)
    await writeFile(
      join(folder, 'mail', `${i}.txt`),
      `Letter ${i}.\n${sentence(i)}.\n${sentence(i + 100)}.\n`,
    );
  const lines = (record: (i: number) => object): string =>
    Array.from({ length: 16 }, (_, i) => `${JSON.stringify(record(i))}\n`).join('');
  const code = (i: number) => ({
    text: `export function f${i}(x: number) { return x * ${i} + ${i % 7}; } // ${sentence(i)}`,
  });
  await writeFile(join(folder, 'code.jsonl'), lines(code));
  const sum = (i: number) => ({
    prompt: `What is ${i} + ${i * 3}? `,
    completion: `It is ${i * 4}, since ${i} and ${i * 3} make it.`,
  });
  await writeFile(join(folder, 'sums.jsonl'), lines(sum));
}

/** The last JSON line of a command given `--json`: its result. */
export function resultOf(finished: Finished): Record<string, unknown> {
  const last = jsonLines(finished.stdout).at(-1);
  if (last?.type !== 'result') throw new Error(`no result; it said: ${finished.stdout}${finished.stderr}`);
  return last.result as Record<string, unknown>;
}

/** Runs a command that is expected to succeed, and to show no trace of an error. */
export async function succeeds(
  world: TinyWorld,
  args: readonly string[],
  options: Omit<RunOptions, 'cwd'> = {},
): Promise<Finished> {
  const finished = await world.ddk(args, options);
  if (finished.code !== 0)
    throw new Error(
      `ddk ${args.join(' ')} ended with ${finished.code ?? finished.signal}: ${finished.stderr}`,
    );
  return finished;
}
