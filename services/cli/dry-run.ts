// What a run would do, worked out without doing it.
import { formatBytes, formatCount } from '#base';
import type { ModelFolder } from '#model';
import { parameterCount } from '#nn';
import { bytesPerPosition } from '#targets';
import { table } from './display/table.js';
import type { Spec } from './spec/schema.js';
import type { Submission } from './submit.js';

export function describeDryRun(spec: Spec, { corpus }: Submission, student: ModelFolder): string {
  const { training } = spec;
  const steps = training.intervals * training.intervalSteps;
  const tokens = steps * training.batchSize * spec.corpus.sequenceLength;
  const parameters = parameterCount(student.config);
  const encoding =
    spec.targets.encoding === 'dense'
      ? ({ kind: 'dense_f16' } as const)
      : ({ kind: 'top_k', k: spec.targets.k } as const);
  const domains = table(
    [
      { title: 'domain', align: 'left' },
      { title: 'documents', align: 'right' },
      { title: 'training tokens', align: 'right' },
      { title: 'windows', align: 'right' },
      { title: 'held out', align: 'right' },
    ],
    corpus.domains.map((d) => [
      d.name,
      String(d.documents),
      formatCount(d.trainTokens),
      String(d.trainWindows),
      String(d.validationSamples),
    ]),
  );
  return [
    domains,
    '',
    `student      ${formatCount(parameters)} parameters; parameters and moments twice: ${formatBytes(parameters * 4 * 3 * 2)} (without activations)`,
    `training     ${training.intervals} intervals of ${training.intervalSteps} steps of ${training.batchSize} windows of ${spec.corpus.sequenceLength}: ${formatCount(tokens)} tokens`,
    `targets      ${formatBytes(bytesPerPosition(encoding, student.config.vocabSize))} a position`,
    'Nothing was started.',
  ].join('\n');
}
