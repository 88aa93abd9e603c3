// A run's step metrics as CSV: one line a step, one group of columns a domain.
import type { Domain, StepMetrics } from '#proto/ddk/v1/types';

/** Text is handed on in pieces of at least this many characters, but for the last. */
const pieceChars = 1 << 16;

/** Comma-separated values with a header, piece by piece; RFC 4180 quoting where a domain's name needs it. */
export async function* metricsCsv(
  domains: readonly Domain[],
  steps: AsyncIterable<StepMetrics>,
): AsyncGenerator<string> {
  let piece = `${headerOf(domains)}\n`;
  for await (const step of steps) {
    piece += `${lineOf(step, domains)}\n`;
    if (piece.length < pieceChars) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function headerOf(domains: readonly Domain[]): string {
  const names = [
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
  return names.map(quoted).join(',');
}

function lineOf(s: StepMetrics, domains: readonly Domain[]): string {
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
}

const quoted = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
