// The colours of the domains, as squares of the page.
import { html, type Markup } from './html.js';
import { seriesColour, seriesOpacity } from './palette.js';

export function swatch(index: number): Markup {
  return html`<span class="swatch" data-colour="${seriesColour(index)}" style="opacity:${seriesOpacity(index)}"></span>`;
}

/** One entry a domain, for the plots that have no room for names. */
export function domainLegend(names: readonly string[]): Markup {
  return html`<ul class="legend" aria-label="Colours of the domains">${names.map((name, index) => html`<li>${swatch(index)}${name}</li>`)}</ul>`;
}
