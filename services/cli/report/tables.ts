// The tables of a report: results by domain, settings, digests, and the numbers behind the plots.
import { html, type Markup, nothing } from './html.js';
import { swatch } from './legend.js';
import { atStep, capital, geometricMean, grouped, measured, perplexity, ratio, share } from './numbers.js';
import type { ReportData, ReportDomain, SettingRow } from './report-data.js';
import type { StepFigure, StepSummary } from './step-summary.js';

export function domainTable({ domains, arms, measuredAtStep }: ReportData): Markup {
  const widest = Math.max(1, ...domains.map(gap).filter(Number.isFinite));
  const armHeads = arms.map(
    ({ name, measuredAtStep: step }) =>
      html`<th scope="col" class="number">${step === undefined ? name : `${name} ${atStep(step)}`}</th>`,
  );
  const student =
    measuredAtStep === undefined
      ? "the student's final perplexity"
      : `the perplexity of the student ${atStep(measuredAtStep)}, where it was last measured,`;
  return html`<div class="scroll"><table class="results">
<caption>Perplexity on held-out text. The gap is ${student} over the teacher's${arms.length > 0 ? '; the best perplexity of a row is bold' : ''}.</caption>
<thead><tr><th scope="col">Domain</th><th scope="col" class="number">Teacher</th><th scope="col" class="number">Start</th><th scope="col" class="number">${measuredAtStep === undefined ? 'Final' : capital(atStep(measuredAtStep))}</th>${armHeads}<th scope="col">Gap</th><th scope="col" class="number">Share of training</th></tr></thead>
<tbody>${domains.map((domain, index) => domainRow(domain, index, arms, widest))}</tbody>
<tfoot>${domains.length > 1 ? meanRow(domains, arms, widest) : nothing}</tfoot>
</table></div>`;
}

type Arms = ReportData['arms'];

function domainRow(domain: ReportDomain, index: number, arms: Arms, widest: number): Markup {
  const results = [domain.finalPerplexity, ...arms.map((arm) => arm.finalPerplexity[index] ?? Number.NaN)];
  return html`<tr><th scope="row">${swatch(index)}${domain.name}</th>
<td class="number">${perplexity(domain.teacherPerplexity)}</td><td class="number">${perplexity(domain.startPerplexity)}</td>
${results.map((value) => resultCell(value, results))}
${gapCell(gap(domain), widest)}<td class="number">${share(domain.trainingShare)}</td></tr>`;
}

function meanRow(domains: readonly ReportDomain[], arms: Arms, widest: number): Markup {
  const of = (pick: (domain: ReportDomain) => number) => geometricMean(domains.map(pick));
  const results = [of((d) => d.finalPerplexity), ...arms.map((arm) => geometricMean(arm.finalPerplexity))];
  return html`<tr><th scope="row">Geometric mean</th>
<td class="number">${perplexity(of((d) => d.teacherPerplexity))}</td><td class="number">${perplexity(of((d) => d.startPerplexity))}</td>
${results.map((value) => resultCell(value, results))}
${gapCell(of(gap), widest)}<td class="number">${share(domains.reduce((sum, d) => sum + d.trainingShare, 0))}</td></tr>`;
}

function resultCell(value: number, results: readonly number[]): Markup {
  const best = results.length > 1 && value === Math.min(...results.filter(Number.isFinite));
  return best
    ? html`<td class="number"><strong>${perplexity(value)}</strong></td>`
    : html`<td class="number">${perplexity(value)}</td>`;
}

/** The bar begins at the teacher, 1, and is as long as the gap is wide. */
function gapCell(value: number, widest: number): Markup {
  const width = widest > 1 && Number.isFinite(value) ? Math.max(0, (100 * (value - 1)) / (widest - 1)) : 0;
  return html`<td class="gap"><span class="bar" style="width:${width.toFixed(1)}px"></span>${ratio(value)}</td>`;
}

function gap(domain: ReportDomain): number {
  return domain.finalPerplexity / domain.teacherPerplexity;
}

export function settingsTable(settings: readonly SettingRow[]): Markup {
  const groups = [...new Set(settings.map(({ group }) => group ?? ''))];
  return html`<table class="pairs"><caption>Settings</caption>${groups.map((group) => {
    const rows = settings.filter((row) => (row.group ?? '') === group);
    const head =
      group === '' ? nothing : html`<tr><th scope="colgroup" colspan="2" class="group">${group}</th></tr>`;
    return html`<tbody>${head}${rows.map(({ name, value }) => pair(name, value))}</tbody>`;
  })}</table>`;
}

export function digestTable(digests: ReportData['digests']): Markup {
  return html`<table class="pairs digests"><caption>Digests</caption><tbody>${digests.map(({ name, digest }) => pair(name, digest))}</tbody></table>`;
}

function pair(name: string, value: string): Markup {
  return html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`;
}

/** Ratios and weights, the numbers of the plots over intervals. */
export function intervalTable(data: ReportData, what: 'ratios' | 'weights'): Markup {
  const format = what === 'ratios' ? ratio : share;
  const rows = data.intervals.filter((interval) => interval[what].length > 0);
  return html`<div class="scroll"><table>${data.everyNth === 1 ? nothing : html`<caption>One interval in ${data.everyNth}, and the last.</caption>`}<thead><tr><th scope="col" class="number">Interval</th><th scope="col" class="number">Step</th>${data.domains.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    (interval) =>
      html`<tr><th scope="row" class="number">${interval.interval}</th><td class="number">${grouped(interval.step)}</td>${data.domains.map((_, index) => html`<td class="number">${format(interval[what][index] ?? Number.NaN)}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** The numbers of the plots over steps: means of as many neighbouring steps as keep the table short. */
export function stepTable(steps: StepSummary): Markup {
  const columns: readonly (readonly [string, StepFigure])[] = [
    ['Loss', 'loss'],
    ['Cross-entropy', 'ce'],
    ['Divergence', 'kl'],
    ['Gradient norm', 'gradientNorm'],
    ['Tokens a second', 'tokensPerSecond'],
    ['Learning rate', 'learningRate'],
  ];
  return html`<div class="scroll"><table><caption>${steps.stepsPerRow === 1 ? 'Every step.' : `Means of ${steps.stepsPerRow} steps each; the first column is the last of them.`}</caption>
<thead><tr><th scope="col" class="number">Step</th>${columns.map(([name]) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${steps
    .rows()
    .map(
      (row) =>
        html`<tr><th scope="row" class="number">${grouped(row.step)}</th>${columns.map(([, figure]) => html`<td class="number">${measured(row[figure])}</td>`)}</tr>`,
    )}</tbody></table></div>`;
}
