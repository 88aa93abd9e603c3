// A run as one HTML file: no scripts, nothing loaded from elsewhere, readable without seeing the plots.
import { html, type Markup, markup, nothing } from './html.js';
import { domainLegend } from './legend.js';
import { atStep, geometricMean, grouped, measured, ratio } from './numbers.js';
import { drawPlot, type Plot } from './plot.js';
import { intervalPlots, stepPlots } from './plots.js';
import type { ReportData } from './report-data.js';
import { pageStyle } from './style.js';
import { digestTable, domainTable, intervalTable, settingsTable, stepTable } from './tables.js';

/** Forbids, beside what the file does not contain anyway, anything that an escaped name might have smuggled in. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The report as the text of an HTML file. */
export async function renderReport(data: ReportData): Promise<string> {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${data.name} · distillation report</title>
<style>${markup(pageStyle())}</style>
</head>
<body><main>
${heading(data)}
<h2 id="domains">Domains</h2>
<div class="card">${domainTable(data)}</div>
${await intervalSection(data)}
${await stepSection(data)}
${repeatSection(data)}
</main></body>
</html>
`;
  return page.text;
}

function heading(data: ReportData): Markup {
  return html`<header><h1>${data.name}</h1><p>Created ${date(data.createdAt)}${data.outcome === undefined ? '' : ` · ${data.outcome}`}</p>
<dl class="tiles">${tiles(data)}</dl></header>`;
}

/** `2026-11-22 14:30 UTC`, or the text itself where it is no date. */
function date(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function tiles({ domains, measuredAtStep, intervalsPlanned, steps }: ReportData): Markup[] {
  const ratios = (pick: 'startPerplexity' | 'finalPerplexity') =>
    domains.map((d) => d[pick] / d.teacherPerplexity);
  const widest = (values: readonly number[]) =>
    values.filter(Number.isFinite).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const start = ratios('startPerplexity');
  const final = ratios('finalPerplexity');
  const note = (atStart: number): string => {
    const parts = [
      ...(measuredAtStep === undefined ? [] : [`measured ${atStep(measuredAtStep)}`]),
      ...(measuredAtStep === 0 ? [] : [`${ratio(atStart)} at the start`]),
    ];
    return parts.join(', ');
  };
  return [
    tile('Mean gap to the teacher', ratio(geometricMean(final)), note(geometricMean(start))),
    tile('Widest gap', ratio(widest(final)), note(widest(start))),
    tile(
      'Steps',
      grouped(steps.last?.step ?? 0),
      `in ${intervalsPlanned} ${intervalsPlanned === 1 ? 'interval' : 'intervals'}`,
    ),
    tile('Throughput', measured(steps.mean('tokensPerSecond')), 'tokens a second while training'),
  ];
}

function tile(name: string, value: string, note: string): Markup {
  return html`<div class="tile"><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`;
}

async function intervalSection(data: ReportData): Promise<Markup> {
  if (data.intervals.length === 0) return nothing;
  const figures = intervalPlots(data).map((plot) =>
    figure(plot, intervalTable(data, plot.key === 'mixture' ? 'weights' : 'ratios')),
  );
  return html`<h2 id="intervals">Gaps and mixture</h2>
${domainLegend(data.domains.map(({ name }) => name))}
<div class="figures">${await Promise.all(figures)}</div>`;
}

async function stepSection(data: ReportData): Promise<Markup> {
  const plots = stepPlots(data);
  if (plots.length === 0) return html`<h2 id="training">Training</h2><p>No steps were trained.</p>`;
  const figures = await Promise.all(plots.map((plot) => figure(plot, nothing)));
  return html`<h2 id="training">Training</h2>
<div class="figures">${figures}</div>
<details><summary>Numbers by step</summary>${stepTable(data.steps)}</details>`;
}

async function figure(plot: Plot, numbers: Markup): Promise<Markup> {
  const table = numbers === nothing ? nothing : html`<details><summary>Numbers</summary>${numbers}</details>`;
  return html`<figure id="${plot.key}"><figcaption><h3>${plot.title}</h3><p>${plot.description}</p></figcaption>
${markup(await drawPlot(plot))}
${table}</figure>`;
}

function repeatSection({ settings, digests }: ReportData): Markup {
  const parts = [
    ...(settings.length > 0 ? [html`<div class="card">${settingsTable(settings)}</div>`] : []),
    ...(digests.length > 0 ? [html`<div class="card">${digestTable(digests)}</div>`] : []),
  ];
  if (parts.length === 0) return nothing;
  return html`<h2 id="repeat">To repeat this run</h2>
<div class="two">${parts}</div>`;
}
