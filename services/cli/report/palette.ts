// Colours of plots. A plot is drawn in the colours for light paper; where the reader prefers dark, rules of CSS replace
// each of them, so the same drawing serves both.

interface Tone {
  readonly light: string;
  readonly dark: string;
}

/** Distinguishable with the common colour vision deficiencies (after Okabe and Ito), by contrast on either ground. */
const series: readonly Tone[] = [
  { light: '#0072b2', dark: '#5ab4f0' },
  { light: '#d55e00', dark: '#ff9a52' },
  { light: '#009e73', dark: '#3fd0a4' },
  { light: '#cc79a7', dark: '#f0a6cd' },
  { light: '#b8860b', dark: '#f2c94c' },
  { light: '#6a51a3', dark: '#b7a3ec' },
  { light: '#4d9221', dark: '#a5d76e' },
  { light: '#a50f15', dark: '#ff8a80' },
  { light: '#3690a8', dark: '#8adfe8' },
  { light: '#737373', dark: '#bdbdbd' },
];

const dashes: readonly (readonly number[])[] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

export const ink = {
  text: { light: '#3b4351', dark: '#c3cad6' },
  faint: { light: '#5f6877', dark: '#9aa4b5' },
  grid: { light: '#e4e8ee', dark: '#2b323e' },
  reference: { light: '#8b94a3', dark: '#7d8798' },
  paper: { light: '#ffffff', dark: '#171b22' },
} as const satisfies Record<string, Tone>;

export function seriesColour(index: number): string {
  return series[index % series.length]!.light;
}

/** Beyond ten series colours repeat and the line's pattern tells them apart. */
export function seriesDash(index: number): readonly number[] {
  return dashes[Math.floor(index / series.length) % dashes.length]!;
}

/** Beyond ten series colours repeat and areas are paler. */
export function seriesOpacity(index: number): number {
  return index < series.length ? 0.85 : 0.45;
}

/** The rules that turn plots, and swatches of their legends, to the dark tones. */
export function darkRules(): string {
  return [...series, ...Object.values(ink)]
    .map(
      ({ light, dark }) =>
        `svg [stroke="${light}"]{stroke:${dark}}svg [fill="${light}"]{fill:${dark}}.swatch[data-colour="${light}"]{background:${dark}}`,
    )
    .join('\n');
}

/** Swatches in the light tones. */
export function lightRules(): string {
  return series.map(({ light }) => `.swatch[data-colour="${light}"]{background:${light}}`).join('\n');
}
