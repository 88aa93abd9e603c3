// `ddk preview`: the gaps as they are now and the mixture they would give.
import { DdkError } from '#base';
import type { CorpusManifest } from '#corpus';
import type { DomainGap, RunSpec } from '#proto/ddk/v1/types';
import type { Claim } from '#store';
import { percent, perplexity, ratio } from '../display/describe-run.js';
import { table } from '../display/table.js';
import { type Embedded, startEmbedded } from '../embedded.js';
import { withEvaluator, withScheduler } from '../remote.js';
import type { RemoteAddress } from '../remote-options.js';
import { findRun } from '../run-records.js';
import type { CommandContext, Session } from '../session.js';
import type { Spec } from '../spec/schema.js';
import { submit } from '../submit.js';
import { placement } from './run.js';

export interface PreviewOptions {
  readonly of?: string;
}

export async function preview(
  session: Session,
  spec: Spec,
  options: PreviewOptions,
  remote: RemoteAddress | undefined,
): Promise<void> {
  if (remote)
    await withScheduler(remote, ({ scheduler }) =>
      withEvaluator(remote, async (evaluator) => {
        const subject = await session.data.writing(() => subjectOf(session, spec, options));
        await tellPreview(session, { scheduler, evaluator }, subject);
      }),
    );
  else await session.data.holding((claim) => previewHere(session, spec, options, claim));
}

async function previewHere(
  session: Session,
  spec: Spec,
  options: PreviewOptions,
  claim: Claim,
): Promise<void> {
  const subject = await subjectOf(session, spec, options);
  const services = await startEmbedded({
    ...placement(session, spec),
    teacher: spec.teacher,
    claim,
    takesUp: [],
  });
  try {
    await tellPreview(session, services, subject);
  } finally {
    await services.close();
  }
}

/** What is measured, and what its mixture follows from. */
interface Subject {
  readonly runSpec: RunSpec;
  readonly corpus: CorpusManifest;
  readonly checkpointDigest: string;
  /** Of the run that the checkpoint is of; empty otherwise. */
  readonly previousFactors: readonly number[];
}

async function subjectOf(
  { data, display, signal }: Session,
  spec: Spec,
  { of }: PreviewOptions,
): Promise<Subject> {
  const { runSpec, corpus } = await submit(spec, { store: data.store, display, signal });
  const run = of === undefined ? undefined : await findRun(data.store, of);
  const checkpointDigest = run ? run.checkpointDigest : runSpec.baseCheckpointDigest;
  if (checkpointDigest === '')
    throw new DdkError('failed_precondition', `The run "${of}" has committed no checkpoint yet.`);
  const previousFactors = run?.intervals.findLast((i) => i.factors.length > 0)?.factors ?? [];
  return { runSpec, corpus, checkpointDigest, previousFactors };
}

type PreviewServices = Pick<Embedded, 'scheduler' | 'evaluator'>;

async function tellPreview(
  { display, signal }: CommandContext,
  { scheduler, evaluator }: PreviewServices,
  subject: Subject,
): Promise<void> {
  const { runSpec, corpus, previousFactors } = subject;
  const gaps = await measure({ display, signal }, evaluator, subject);
  const { weights } = await scheduler.previewMixture(
    {
      mixture: runSpec.mixture,
      gaps,
      previousFactors: [...previousFactors],
      trainTokens: corpus.domains.map((d) => BigInt(d.trainTokens)),
    },
    { signal },
  );
  const rows = gaps.map((g, d) => [
    g.domain,
    perplexity(g.teacherLoss),
    perplexity(g.studentLoss),
    ratio(g.ratio),
    percent(weights[d] ?? Number.NaN),
  ]);
  const columns = [
    { title: 'domain', align: 'left' },
    { title: 'teacher ppl', align: 'right' },
    { title: 'student ppl', align: 'right' },
    { title: 'gap (ratio)', align: 'right' },
    { title: 'next weight', align: 'right' },
  ] as const;
  display.result(table(columns, rows), { gaps, weights });
}

async function measure(
  { display, signal }: Pick<CommandContext, 'display' | 'signal'>,
  evaluator: PreviewServices['evaluator'],
  { runSpec, checkpointDigest }: Subject,
): Promise<DomainGap[]> {
  const task = display.task('measuring', 'windows');
  const gaps: DomainGap[] = [];
  const value = {
    corpusDigest: runSpec.corpusDigest,
    studentDigest: runSpec.studentDigest,
    checkpointDigest,
    teacherFingerprint: runSpec.teacherFingerprint,
  };
  for await (const { event } of evaluator.evaluateGaps(
    { subject: { $case: 'checkpoint', value } },
    { signal },
  ))
    if (event?.$case === 'gap') gaps.push(event.value);
    else if (event) task.update(Number(event.value.windowsDone), Number(event.value.windowsTotal));
  task.end(`${gaps.length} domains`);
  return gaps.sort((a, b) => a.domainId - b.domainId);
}
