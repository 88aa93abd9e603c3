// Drawing a Vega specification to SVG text that can stand in a page: sized by the page, described for those who cannot see it.
import type { Config, Spec } from 'vega';
import { escapeHtml } from './html.js';
import { ink } from './palette.js';

export interface Plot {
  /** Used in identifiers of the page. */
  readonly key: string;
  readonly title: string;
  /** What is drawn, and what to see in it, in one or two sentences. */
  readonly description: string;
  readonly spec: Spec;
}

/** Drawn size in pixels; the page scales it. */
const plotWidth = 620;
export const plotHeight = 300;

const font = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

const config: Config = {
  background: null,
  axis: {
    labelFont: font,
    titleFont: font,
    labelFontSize: 11.5,
    titleFontSize: 11.5,
    titleFontWeight: 'normal',
    labelColor: ink.faint.light,
    titleColor: ink.faint.light,
    gridColor: ink.grid.light,
    domainColor: ink.reference.light,
    tickColor: ink.reference.light,
    labelOverlap: true,
    titlePadding: 8,
    labelPadding: 6,
    tickSize: 4,
  },
  axisY: { domain: false, ticks: false, grid: true },
  text: { font, fontSize: 11.5, fill: ink.text.light },
};

/** The plot as an svg element. */
export async function drawPlot({ key, title, description, spec }: Plot): Promise<string> {
  const framed: Spec = {
    width: plotWidth,
    height: plotHeight,
    padding: 4,
    autosize: { type: 'fit', contains: 'padding' },
    ...spec,
  };
  // Loaded when something is drawn: it takes a quarter of the time that the other commands need to start.
  const { parse, View } = await import('vega');
  const view = new View(parse(framed, config), { renderer: 'none', logLevel: 0 });
  try {
    return labelled(await view.toSVG(), key, title, description);
  } finally {
    view.finalize();
  }
}

/** The plot is one image with a title and a description; what Vega says of every mark would only be read out on top. */
function labelled(svg: string, key: string, title: string, description: string): string {
  const opening = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${plotWidth} ${plotHeight}" role="img" aria-labelledby="${key}-title ${key}-description">`;
  const names = `<title id="${key}-title">${escapeHtml(title)}</title><desc id="${key}-description">${escapeHtml(description)}</desc>`;
  const marks = svg
    .replace(/^<svg[^>]*>/, '')
    .replace(/<[a-z][^>]*>/g, (tag) => tag.replace(/ (?:aria-[a-z]+|role)="[^"]*"/g, ''));
  return `${opening}${names}${marks}`;
}
