// From a spec to artifacts in the store: the corpus tokenised, the student uploaded, the start checkpoint made.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { asOneError, DdkError, sha256Hex } from '#base';
import { type CorpusManifest, listDomains } from '#corpus';
import { type ModelFolder, openModel, readParameter } from '#model';
import { ModelManifest, type RunSpec } from '#proto/ddk/v1/types';
import type { Store } from '#store';
import { assertSameTokenizer } from '#tokenizer';
import { createInitialCheckpoint } from '#train';
import type { Display } from './display/display.js';
import { prepareCorpus } from './prepare-corpus.js';
import type { Spec } from './spec/schema.js';
import { toRunSpec } from './spec/to-run-spec.js';

export interface Submission {
  readonly requestId: string;
  readonly runSpec: RunSpec;
  readonly corpus: CorpusManifest;
}

interface SubmitOptions {
  readonly store: Store;
  readonly display: Display;
  readonly signal: AbortSignal;
  /** Asked once everything else is in the store: the checkpoint to start from instead of the student's own weights. */
  readonly base?: () => Promise<string | undefined>;
}

/** Reads and checks everything the spec names and puts it in the store. Does again only what has changed. */
export async function submit(spec: Spec, options: SubmitOptions): Promise<Submission> {
  const { store, display, signal } = options;
  const { teacher, student } = await openModels(spec);
  checkPair(spec, teacher, student);
  const content = {
    domains: spec.domains,
    tokenizerPath: path.join(spec.student, 'tokenizer.json'),
    sequenceLength: spec.corpus.sequenceLength,
    validationSamples: spec.corpus.validationSamples,
    seed: spec.training.seed,
  };
  const corpus = await prepareCorpus(content, { store, display, signal });
  const { studentDigest, initialCheckpointDigest } = await uploadStudent(student, store);
  const runSpec = toRunSpec(spec, {
    corpusDigest: corpus.digest,
    teacherFingerprint: teacher.fingerprint,
    studentDigest,
    baseCheckpointDigest: (await options.base?.()) ?? initialCheckpointDigest,
  });
  // The same spec over the same files is the same request, so submitting it again finds the run it made.
  const requestId = sha256Hex(runSpecBytes(runSpec));
  return { requestId, runSpec, corpus: corpus.manifest };
}

const runSpecBytes = (spec: RunSpec): string => JSON.stringify(spec);

interface Models {
  readonly teacher: ModelFolder;
  readonly student: ModelFolder;
}

/** Both models. Where one cannot be opened, all that the spec names in vain is said at once. */
async function openModels(spec: Spec): Promise<Models> {
  const [teacher, student] = await Promise.allSettled([
    openNamed('teacher', spec.teacher),
    openNamed('student', spec.student),
  ]);
  if (teacher.status === 'fulfilled' && student.status === 'fulfilled')
    return { teacher: teacher.value, student: student.value };
  const [text] = await Promise.allSettled([listDomains(spec.domains)]);
  const problems = [teacher, student, text].flatMap((tried) =>
    tried.status === 'rejected' ? DdkError.from(tried.reason) : [],
  );
  throw asOneError(...(problems as [DdkError, ...DdkError[]]));
}

/** Refusals begin with the field of the spec that named the folder. */
async function openNamed(field: 'teacher' | 'student', folder: string): Promise<ModelFolder> {
  try {
    return await openModel(folder);
  } catch (thrown) {
    const { code, message, violations, reason } = DdkError.from(thrown);
    throw new DdkError(code, `${field}: ${message}`, {
      cause: thrown,
      violations,
      ...(reason && { reason }),
    });
  }
}

/** Teacher and student must mean the same by a token id, and both must reach over a whole window. */
function checkPair(spec: Spec, teacher: ModelFolder, student: ModelFolder): void {
  assertSameTokenizer(teacher.tokenizer, student.tokenizer);
  if (teacher.config.vocabSize !== student.config.vocabSize)
    throw new DdkError(
      'failed_precondition',
      `The teacher has a vocabulary of ${teacher.config.vocabSize} and the student one of ${student.config.vocabSize}; distillation compares them token by token, so they must be equal.`,
    );
  const { encoding, k } = spec.targets;
  if (encoding === 'top_k' && k >= student.config.vocabSize)
    throw invalid(
      'targets.k',
      `is ${k}, but the models' vocabulary has ${student.config.vocabSize} tokens; take fewer, or \`encoding: dense\`.`,
    );
  for (const [role, model] of [
    ['teacher', teacher],
    ['student', student],
  ] as const)
    if (spec.corpus.sequenceLength > model.config.maxPositions)
      throw invalid(
        'corpus.sequenceLength',
        `is ${spec.corpus.sequenceLength}, but the ${role} takes at most ${model.config.maxPositions} positions; lower it.`,
      );
}

function invalid(field: string, description: string): DdkError {
  return new DdkError('invalid_argument', `${field} ${description}`, {
    violations: [{ field, description }],
  });
}

/** The student's files as artifacts, and the checkpoint of step 0 that holds its weights. */
async function uploadStudent(
  student: ModelFolder,
  store: Store,
): Promise<{ studentDigest: string; initialCheckpointDigest: string }> {
  const { artifacts } = store;
  const putFile = async (name: string): Promise<string> =>
    (await artifacts.put(await readFile(path.join(student.folder, name)))).digest;
  const optional = async (name: string): Promise<string> =>
    putFile(name).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
  const initial = await createInitialCheckpoint({
    artifacts,
    config: student.config,
    read: (name) => readParameter(student.weights, name),
    cursors: null,
  });
  const manifest: ModelManifest = {
    configDigest: await putFile('config.json'),
    weightsDigest: initial.manifest.weights.digest,
    tokenizerDigest: await putFile('tokenizer.json'),
    tokenizerConfigDigest: await optional('tokenizer_config.json'),
    fingerprint: student.fingerprint,
  };
  const { digest } = await artifacts.put(ModelManifest.encode(manifest).finish());
  return { studentDigest: digest, initialCheckpointDigest: initial.digest };
}
