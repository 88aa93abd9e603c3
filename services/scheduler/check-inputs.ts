// What a run's spec names must be there and fit together: corpus, student, teacher and the checkpoint it starts from.
import { DdkError, requireNone, type Violation } from '#base';
import { type CorpusManifest, openCorpus } from '#corpus';
import { policyViolations } from '#mixture';
import type { DecoderConfig } from '#nn';
import type { DescribeModelResponse } from '#proto/ddk/v1/teacher_scoring';
import type { Domain, RunSpec } from '#proto/ddk/v1/types';
import { type ArtifactStore, namedBy } from '#store';
import { createTokenizer, type Tokenizer } from '#tokenizer';
import { openCheckpoint } from '#train';
import { readStudent } from '#work';
import { domainsProblem } from './limits.js';
import { mixturePolicy } from './mixture-spec.js';

interface Student {
  readonly config: DecoderConfig;
  readonly tokenizer: Tokenizer;
}

/** The domains of a run's corpus, as its record keeps them. Throws DdkError not_found or invalid_argument. */
export async function readDomains(spec: RunSpec, artifacts: ArtifactStore): Promise<Domain[]> {
  return domainsOf(await readCorpus(spec, artifacts));
}

function domainsOf({ domains }: CorpusManifest): Domain[] {
  return domains.map(({ id, name, trainTokens, trainWindows, validationSamples }) => ({
    id,
    name,
    trainTokens: BigInt(trainTokens),
    trainWindows: BigInt(trainWindows),
    validationSamples,
  }));
}

/**
 * Throws DdkError: not_found for a missing artifact, invalid_argument with field violations for a spec that does not fit
 * what it names, failed_precondition where teacher, student and corpus do not fit one another.
 */
export async function checkInputs(
  spec: RunSpec,
  artifacts: ArtifactStore,
  describeTeacher: () => Promise<DescribeModelResponse>,
): Promise<void> {
  await requireArtifact('base_checkpoint_digest', spec.baseCheckpointDigest, artifacts);
  const corpus = await readCorpus(spec, artifacts);
  const student = await openStudent(spec, artifacts);
  await namedBy(
    'spec.base_checkpoint_digest',
    openCheckpoint(spec.baseCheckpointDigest, artifacts, student.config),
  );
  const teacher = await describeTeacher();
  requireFittingSpec(spec, corpus, student, teacher);
  requireOneTokenizer(spec, corpus, student, teacher);
}

async function requireArtifact(field: string, digest: string, artifacts: ArtifactStore): Promise<void> {
  if (await artifacts.has(digest)) return;
  throw new DdkError(
    'not_found',
    `The artifact ${digest} that spec.${field} names is not in the store; upload it first.`,
    {
      reason: 'ARTIFACT_MISSING',
      violations: [{ field: `spec.${field}`, description: 'is not in the store' }],
    },
  );
}

async function readCorpus(spec: RunSpec, artifacts: ArtifactStore): Promise<CorpusManifest> {
  await requireArtifact('corpus_digest', spec.corpusDigest, artifacts);
  const corpus = await namedBy('spec.corpus_digest', openCorpus(spec.corpusDigest, artifacts));
  await corpus.close();
  return corpus.manifest;
}

async function openStudent(spec: RunSpec, artifacts: ArtifactStore): Promise<Student> {
  await requireArtifact('student_digest', spec.studentDigest, artifacts);
  const open = async (): Promise<Student> => {
    const { config, tokenizer } = await readStudent(artifacts, spec.studentDigest);
    return { config, tokenizer: createTokenizer(await tokenizer()) };
  };
  return namedBy('spec.student_digest', open());
}

function requireFittingSpec(
  spec: RunSpec,
  corpus: CorpusManifest,
  student: Student,
  teacher: DescribeModelResponse,
): void {
  const violations: Violation[] = [];
  const note = (field: string, description: string) =>
    violations.push({ field: `spec.${field}`, description });
  for (const { field, description } of policyViolations(mixturePolicy(spec.mixture), corpus.domains.length))
    note(field, description);
  const tooLarge = domainsProblem(spec, domainsOf(corpus));
  if (tooLarge !== undefined) note('corpus_digest', tooLarge);
  const length = corpus.sequenceLength;
  if (length > student.config.maxPositions) {
    note(
      'student_digest',
      `takes windows of ${student.config.maxPositions} positions, but those of the corpus have ${length}`,
    );
  }
  if (length > teacher.maximumLength) {
    note(
      'teacher_fingerprint',
      `takes windows of ${teacher.maximumLength} positions, but those of the corpus have ${length}`,
    );
  }
  const { kind } = spec.targets ?? {};
  if (kind?.$case === 'topK' && kind.value.k >= student.config.vocabSize) {
    note(
      'targets.top_k.k',
      `must be below the vocabulary size ${student.config.vocabSize}, but is ${kind.value.k}`,
    );
  }
  requireNone(violations, 'The run cannot be made');
}

function requireOneTokenizer(
  spec: RunSpec,
  corpus: CorpusManifest,
  student: Student,
  teacher: DescribeModelResponse,
): void {
  const refuse = (reason: string, message: string): never => {
    throw new DdkError('failed_precondition', message, { reason });
  };
  if (teacher.fingerprint !== spec.teacherFingerprint) {
    refuse(
      'TEACHER_CHANGED',
      `The spec wants the teacher ${spec.teacherFingerprint}, but ${teacher.fingerprint} is being served; start teacher-scoring with the right model.`,
    );
  }
  if (teacher.vocabularySize !== student.config.vocabSize) {
    refuse(
      'VOCABULARIES_DIFFER',
      `The teacher has a vocabulary of ${teacher.vocabularySize} and the student one of ${student.config.vocabSize}; they must be equal.`,
    );
  }
  if (teacher.tokenizerFingerprint !== student.tokenizer.fingerprint) {
    refuse(
      'TOKENIZERS_DIFFER',
      'Teacher and student do not have the same tokenizer; use models that share one.',
    );
  }
  if (corpus.tokenizerFingerprint !== student.tokenizer.fingerprint) {
    refuse(
      'CORPUS_TOKENIZED_OTHERWISE',
      "The corpus was not tokenised with the student's tokenizer; build it again.",
    );
  }
}
