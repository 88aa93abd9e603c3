// `ddk preview`: the gaps as they are now and the mixture they would give.
import { DdkError } from '#base';
import type { DomainGap } from '#proto/ddk/v1/types';
import type { Claim } from '../claim.js';
import { percent, perplexity } from '../display/describe-run.js';
import { table } from '../display/table.js';
import { startEmbedded } from '../embedded.js';
import { findRun } from '../run-records.js';
import type { Session } from '../session.js';
import { readSpec } from '../spec/read-spec.js';
import type { Spec } from '../spec/schema.js';
import { submit } from '../submit.js';
import { placement } from './run.js';

export interface PreviewOptions {
  readonly of?: string;
}

export async function preview(session: Session, file: string, options: PreviewOptions): Promise<void> {
  const spec = await readSpec(file);
  await session.data.holding((claim) => previewSpec(session, spec, options, claim));
}

async function previewSpec(
  session: Session,
  spec: Spec,
  options: PreviewOptions,
  claim: Claim,
): Promise<void> {
  const { data, display, signal } = session;
  const { runSpec, corpus } = await submit(spec, { store: data.store, display, signal });
  const run = options.of === undefined ? undefined : await findRun(data.store, options.of);
  const checkpointDigest = run ? run.checkpointDigest : runSpec.baseCheckpointDigest;
  if (checkpointDigest === '')
    throw new DdkError('failed_precondition', `The run "${options.of}" has committed no checkpoint yet.`);
  const services = await startEmbedded({
    ...placement(session, spec),
    teacher: spec.teacher,
    claim,
    takesUp: [],
  });
  try {
    const gaps = await measure();
    const { weights } = await services.scheduler.previewMixture(
      {
        mixture: runSpec.mixture,
        gaps,
        previousFactors: [...(run?.intervals.findLast((i) => i.factors.length > 0)?.factors ?? [])],
        trainTokens: corpus.domains.map((d) => BigInt(d.trainTokens)),
      },
      { signal },
    );
    const rows = gaps.map((g, d) => [
      g.domain,
      perplexity(g.teacherLoss),
      perplexity(g.studentLoss),
      g.ratio.toFixed(3),
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
  } finally {
    await services.close();
  }

  async function measure(): Promise<DomainGap[]> {
    const task = display.task('measuring', 'windows');
    const gaps: DomainGap[] = [];
    const subject = {
      corpusDigest: runSpec.corpusDigest,
      studentDigest: runSpec.studentDigest,
      checkpointDigest,
      teacherFingerprint: runSpec.teacherFingerprint,
    };
    const events = services.evaluator.evaluateGaps(
      { subject: { $case: 'checkpoint', value: subject } },
      { signal },
    );
    for await (const { event } of events)
      if (event?.$case === 'gap') gaps.push(event.value);
      else if (event) task.update(Number(event.value.windowsDone), Number(event.value.windowsTotal));
    task.end(`${gaps.length} domains`);
    return gaps.sort((a, b) => a.domainId - b.domainId);
  }
}
