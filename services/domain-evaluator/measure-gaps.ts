// Measuring: student and teacher on the held-out text of every domain.
import { DdkError, failpoint, type Logger } from '#base';
import { type Corpus, openCorpus } from '#corpus';
import { perplexityRatio } from '#mixture';
import type { EvaluationProgress } from '#proto/ddk/v1/domain_evaluator';
import type { DomainGap } from '#proto/ddk/v1/types';
import type { Security } from '#rpc';
import type { Store } from '#store';
import { openTeacher, type Teacher } from '#teacher';
import { metrics, spans, withSpan } from '#telemetry';
import { type DomainLoss, type LabelScorer, meanLoss } from './loss.js';
import { type Execution, openStudent } from './student.js';
import { keptLosses } from './teacher-losses.js';

/** What is measured, by artifact. */
export interface Subject {
  readonly corpusDigest: string;
  readonly studentDigest: string;
  readonly checkpointDigest: string;
  readonly teacherFingerprint: string;
}

export interface MeasuringParts {
  readonly store: Store;
  readonly execution: Execution;
  readonly teacherAddress: string;
  /** How long the teacher may be away before the measurement fails as `unavailable`. */
  readonly teacherPatienceMs: number;
  readonly security: Security;
  readonly logger: Logger;
}

export type MeasuringEvent =
  | { readonly $case: 'progress'; readonly value: EvaluationProgress }
  | { readonly $case: 'gap'; readonly value: DomainGap };

/** Windows that the teacher is sent at once; it cuts them into messages of its own. */
const teacherBatch = 32;

/**
 * Measures the domains one after the other, in domain-id order; on each, student and teacher at the same time.
 *
 * Throws not_found for a missing artifact; failed_precondition for parts that do not fit, another teacher than the one
 * meant, and with reason LOSS_NOT_FINITE for a loss that is no number; unavailable when the teacher does not answer.
 */
export function measureGaps(
  subject: Subject,
  parts: MeasuringParts,
  signal: AbortSignal,
  tell: (event: MeasuringEvent) => void,
): Promise<DomainGap[]> {
  return withSpan(spans.measureGaps, { 'ddk.checkpoint': subject.checkpointDigest }, async () => {
    const { store, execution, logger, security } = parts;
    const cleanups: (() => Promise<void> | void)[] = [];
    try {
      const corpus = await openCorpus(subject.corpusDigest, store.artifacts);
      cleanups.push(() => corpus.close());
      const teacher = await openTeacher({
        address: parts.teacherAddress,
        security,
        logger,
        fingerprint: subject.teacherFingerprint,
        giveUpMs: parts.teacherPatienceMs,
      });
      cleanups.push(() => teacher.close());
      const digests = { student: subject.studentDigest, checkpoint: subject.checkpointDigest };
      const student = await openStudent(store.artifacts, digests, corpus.manifest, execution);
      cleanups.push(() => student.close());
      return await measure({ subject, corpus, teacher, store, signal, tell }, student.rows, (windows) =>
        student.score(windows, signal),
      );
    } finally {
      for (const cleanup of cleanups.reverse()) await cleanup();
    }
  });
}

interface Measuring {
  readonly subject: Subject;
  readonly corpus: Corpus;
  readonly teacher: Teacher;
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly tell: (event: MeasuringEvent) => void;
}

async function measure(
  { subject, corpus, teacher, store, signal, tell }: Measuring,
  studentBatch: number,
  studentScore: LabelScorer,
): Promise<DomainGap[]> {
  const { domains, sequenceLength, tokenizerFingerprint } = corpus.manifest;
  const served = await teacher.describe(signal);
  requireOneTokenizer(served.tokenizerFingerprint, tokenizerFingerprint, subject);
  const kept = keptLosses(store.records, subject.corpusDigest, domains.length, served);
  const known = await kept.read();

  const samples = domains.reduce((sum, { validationSamples }) => sum + validationSamples, 0);
  const windowsTotal = BigInt(known === undefined ? 2 * samples : samples);
  let windowsDone = 0n;
  const onScored = (windows: number): void => {
    windowsDone += BigInt(windows);
    tell({ $case: 'progress', value: { windowsDone, windowsTotal } });
  };
  const scores = known === undefined ? await teacher.labelLogProbs({ length: sequenceLength }) : undefined;
  const lossOf = (who: 'student' | 'teacher', id: number, name: string): Promise<DomainLoss> => {
    const batch = who === 'student' ? studentBatch : teacherBatch;
    const score: LabelScorer =
      who === 'student' || scores === undefined ? studentScore : (windows) => scores.score(windows, signal);
    return timed(who, name, () =>
      meanLoss(corpus.validation(id), score, { who, domain: name, batch, onScored }),
    );
  };

  const gaps: DomainGap[] = [];
  const teacherLosses: DomainLoss[] = [];
  try {
    for (const { id, name } of domains) {
      signal.throwIfAborted();
      const [student, teacherLoss] = await together(
        lossOf('student', id, name),
        known?.[id] ?? lossOf('teacher', id, name),
      );
      teacherLosses.push(teacherLoss);
      const gap = gapOf(id, name, student, teacherLoss);
      metrics.domainGap.record(gap.studentLoss - gap.teacherLoss, { domain: name });
      metrics.domainRatio.record(gap.ratio, { domain: name });
      gaps.push(gap);
      tell({ $case: 'gap', value: gap });
      if (id === 0) failpoint('evaluator.measuring');
    }
  } finally {
    scores?.close();
  }
  if (known !== undefined) return gaps;
  const agreed = await kept.keep(teacherLosses);
  return gaps.map((gap, id) => withTeacherLoss(gap, agreed[id]!));
}

function gapOf(domainId: number, domain: string, student: DomainLoss, teacher: DomainLoss): DomainGap {
  return {
    domainId,
    domain,
    studentLoss: student.loss,
    teacherLoss: teacher.loss,
    ratio: perplexityRatio({ studentLoss: student.loss, teacherLoss: teacher.loss }),
    positions: BigInt(student.positions),
  };
}

/** The numbers that another process was first to keep are the ones that count. */
function withTeacherLoss(gap: DomainGap, { loss }: DomainLoss): DomainGap {
  return { ...gap, teacherLoss: loss, ratio: perplexityRatio({ ...gap, teacherLoss: loss }) };
}

/** Waits for both even if one fails, so that nothing of a failed measurement runs on. */
async function together<A, B>(a: Promise<A>, b: Promise<B> | B): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value as B];
}

async function timed(model: string, domain: string, body: () => Promise<DomainLoss>): Promise<DomainLoss> {
  const startedMs = performance.now();
  const loss = await withSpan(spans.evaluateDomain, { 'ddk.domain': domain, 'ddk.model': model }, body);
  metrics.evaluationDuration.record((performance.now() - startedMs) / 1000, { domain, model });
  return loss;
}

function requireOneTokenizer(teachers: string, corpus: string, { corpusDigest }: Subject): void {
  if (teachers === corpus) return;
  throw new DdkError(
    'failed_precondition',
    `The teacher's tokenizer ${teachers} is not the one that corpus ${corpusDigest} was made with (${corpus}); their losses could not be compared.`,
    { reason: 'TOKENIZERS_DIFFER' },
  );
}
