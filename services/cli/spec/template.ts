// The commented spec that `ddk init` writes: every field, its default and what it is for.
import { nameRule } from '../../scheduler/run-name.js';

/** What is filled in; paths are meant from the spec's folder. */
export interface SpecChoices {
  readonly teacher: string;
  readonly student: string;
  readonly domains: readonly { readonly name: string; readonly paths: readonly string[] }[];
  /** Predicted positions of a window. */
  readonly sequenceLength: number;
  /** Tokens of the teacher's distribution that travel. */
  readonly k: number;
}

export const usualChoices: SpecChoices = {
  teacher: './teacher',
  student: './student',
  domains: [
    { name: 'prose', paths: ['./text/prose'] },
    { name: 'code', paths: ['./text/code'] },
  ],
  sequenceLength: 512,
  k: 64,
};

/** Text of a new spec file. The fields left out in comments have the defaults shown. */
export function specTemplate(name: string, choices: SpecChoices = usualChoices): string {
  const { teacher, student, domains, sequenceLength, k } = choices;
  const listed = domains.map(
    (d) => `  - name: ${scalar(d.name)}\n    paths: [${d.paths.map(scalar).join(', ')}]`,
  );
  return `# A run of ddk. Paths are meant from this file's folder. \`ddk run FILE\` starts or continues it.

# Unique among the runs of a data folder: ${nameRule}.
name: ${name}

# Model folders with config.json, model.safetensors and tokenizer.json. Both must share one tokenizer.
teacher: ${scalar(teacher)}
student: ${scalar(student)}

# The kinds of text the student is to learn. Each is measured and weighted on its own.
# paths: files, folders or globs. A folder is searched for .txt, .jsonl, .jsonl.gz and .parquet; other files of text, such
# as source code, are named by a glob in quotes: ["./code/**/*.{ts,py}"].
domains:
${listed.join('\n')}

corpus:
  ${`sequenceLength: ${sequenceLength}`.padEnd(24)}  # predicted positions of a window; at most what both models can take
  validationSamples: 500    # documents a domain, held out for measuring: at most half of them; the paper takes 500

mixture:
  policy: ddk               # ddk | uniform | natural (by tokens) | fixed (by weights)
  alpha: 0.5                # ddk: 0 = uniform, 1 = no floor under a domain's share
  # ratioClip: 20           # ddk: cuts perplexity ratios; for students that start from random weights
  # weights: { prose: 1, code: 2 }   # fixed: relative shares

loss:                       # cross-entropy + gamma * KL(teacher || student)
  gamma: 0.2
  temperature: 1
  temperatureSquared: false
  divergence: forward       # forward | reverse

targets:                    # how the teacher's distribution travels
  encoding: top_k           # top_k (with one tail bucket) | dense (small vocabularies)
  k: ${k}

optimizer:                  # AdamW; decay applies to matrices only
  learningRate: 3.0e-5      # peak, after a linear warm-up
  minimumLearningRate: 3.0e-6   # where the cosine ends
  warmupSteps: 100
  beta1: 0.9
  beta2: 0.95
  epsilon: 1.0e-8
  weightDecay: 0.1
  clipNorm: 1               # 0 = no clipping

training:
  intervals: 30             # the gaps are measured before each and after the last
  intervalSteps: 1000
  batchSize: 8              # windows a step
  microBatches: 1           # parts a step is computed in, to save memory; divides batchSize
  checkpointSeconds: 60     # at most this much work is repeated after a crash
  seed: 0

runtime:
  provider: auto            # auto | cpu | cuda
  threads: 0                # 0 = all cores
  device: 0                 # index of the GPU
`;
}

/** As YAML reads it back: in quotes where it could be read as something else. */
function scalar(text: string): string {
  return /^[./A-Za-z_][\w./-]*$/.test(text) && !reserved.test(text) ? text : JSON.stringify(text);
}

/** Plain words that YAML does not take for text. */
const reserved = /^(true|false|null|yes|no|on|off|\.inf|\.nan)$/i;
