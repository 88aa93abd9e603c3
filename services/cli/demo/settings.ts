// The sizes of the demonstration: small enough for a few minutes on two cores, large enough that the gaps are real.

import type { PretrainSettings } from '../pretrain/settings.js';
import { type Spec, specSchema } from '../spec/schema.js';
import type { DomainText } from './text.js';

/** Most text of one kind, in bytes. */
export const bytesOfAKind = 1_500_000;

/** Predicted positions of a window, in bytes of text: the tokenizer is byte-level. */
const length = 128;
const batch = 16;
/** Held-out documents a kind. */
const validationSamples = 40;
const seed = 1;
/** Of every arm. */
const steps = 300;
/** The mixture follows the gaps so often. */
const measuredIntervals = 6;

/** What of each kind the student has seen before: much of two, little of two, nothing of the others. */
const studentsPast: Readonly<Record<string, number>> = {
  types: 0.45,
  javascript: 0.4,
  prose: 0.1,
  json: 0.05,
  licences: 0,
  native: 0,
};

const common = {
  length,
  batch,
  validationSamples,
  seed,
  kvHeads: undefined,
  tokenizer: undefined,
  vocabSize: undefined,
};

/** About 0.5 million parameters, trained on everything alike for as long as the demonstration can spare. */
function teacherSettings(texts: readonly DomainText[]): PretrainSettings {
  return {
    ...common,
    domains: texts.map((t) => ({ name: t.name, paths: [t.file], share: 1 })),
    hidden: 96,
    layers: 4,
    heads: 4,
    intermediate: 256,
    steps: 700,
    learningRate: 3e-3,
  };
}

/** About 80 thousand parameters, trained briefly on an uneven part. */
function studentSettings(texts: readonly DomainText[]): PretrainSettings {
  return {
    ...common,
    domains: texts.map((t) => ({ name: t.name, paths: [t.file], share: studentsPast[t.name] ?? 0 })),
    hidden: 48,
    layers: 2,
    heads: 4,
    intermediate: 128,
    steps: 200,
    learningRate: 4e-3,
  };
}

export interface Arm {
  readonly title: string;
  readonly spec: Spec;
}

/** What a demonstration trains, and what it then compares. */
export interface DemoPlan {
  readonly teacher: PretrainSettings;
  readonly student: PretrainSettings;
  /** Of the two model folders. */
  readonly arms: (teacher: string, student: string) => readonly [Arm, Arm, Arm];
}

export function demoPlan(texts: readonly DomainText[]): DemoPlan {
  return {
    teacher: teacherSettings(texts),
    student: studentSettings(texts),
    arms: (teacher, student) => arms(texts, teacher, student),
  };
}

/** The same student, teacher, text, seed and number of tokens three times: DDK, and what one would do without it. */
function arms(texts: readonly DomainText[], teacher: string, student: string): readonly [Arm, Arm, Arm] {
  const spec = (name: string, policy: 'ddk' | 'uniform', gamma: number): Spec => {
    // What does not follow the gaps is measured before and after alone.
    const intervals = policy === 'ddk' ? measuredIntervals : 1;
    return specSchema.parse({
      name,
      teacher,
      student,
      domains: texts.map((t) => ({ name: t.name, paths: [t.file] })),
      corpus: { sequenceLength: length, validationSamples },
      mixture: { policy, alpha: 0.5 },
      loss: { gamma },
      targets: { encoding: 'top_k', k: 16 },
      optimizer: { learningRate: 2e-3, minimumLearningRate: 2e-4, warmupSteps: 20 },
      training: {
        intervals,
        intervalSteps: steps / intervals,
        batchSize: batch,
        checkpointSeconds: 10,
        seed,
      },
      runtime: { provider: 'auto' },
    });
  };
  return [
    { title: 'DDK', spec: spec('demo-ddk', 'ddk', 1) },
    { title: 'KD, equal sampling', spec: spec('demo-kd-equal', 'uniform', 1) },
    { title: 'cross-entropy only', spec: spec('demo-ce-only', 'uniform', 0) },
  ];
}
