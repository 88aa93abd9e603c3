// A run's step metrics as CSV: one line a step, one group of columns a domain.
import type { Domain, StepMetrics } from '#proto/ddk/v1/types';

/** Comma-separated values with a header; RFC 4180 quoting where a domain's name needs it. */
export function metricsCsv(domains: readonly Domain[], steps: readonly StepMetrics[]): string {
  const header = [
    'step',
    'loss',
    'cross_entropy',
    'kl',
    'gradient_norm',
    'learning_rate',
    'tokens',
    'duration_ms',
    'teacher_wait_ms',
    ...domains.flatMap((d) => [`cross_entropy:${d.name}`, `kl:${d.name}`, `tokens:${d.name}`]),
  ];
  const lines = steps.map((s) => {
    const byDomain = new Map(s.domains.map((d) => [d.domainId, d]));
    return [
      s.step,
      s.loss,
      s.crossEntropy,
      s.kl,
      s.gradientNorm,
      s.learningRate,
      s.tokens,
      s.durationMs,
      s.teacherWaitMs,
      ...domains.flatMap((d): (string | number | bigint)[] => {
        const of = byDomain.get(d.id);
        return of ? [of.crossEntropy, of.kl, of.tokens] : ['', '', 0];
      }),
    ].join(',');
  });
  return `${[header.map(quoted).join(','), ...lines].join('\n')}\n`;
}

const quoted = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
