// Numbers as people read them. What is not known is a dash.

const unknown = '–';

/** From here on an exponent says more than digits do. */
const huge = 1e6;

/** Three significant digits: 4.56, 45.6, 456, 4,560, 4.56e+7. */
export function perplexity(value: number): string {
  if (!Number.isFinite(value)) return unknown;
  return value >= 100 ? large(value) : value.toPrecision(3);
}

/** 1.84× */
export function ratio(value: number): string {
  if (!Number.isFinite(value)) return unknown;
  return `${value >= 100 ? large(value) : value.toFixed(2)}×`;
}

const large = (value: number): string =>
  value >= huge ? value.toExponential(2) : grouped(Math.round(value));

/** 23.4 % */
export function share(value: number): string {
  return Number.isFinite(value) ? `${(100 * value).toFixed(1)} %` : unknown;
}

/** Four significant digits, with an exponent for the very small and the very large. */
export function measured(value: number): string {
  if (!Number.isFinite(value)) return unknown;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= huge)) return value.toExponential(2);
  return size >= 1000 ? grouped(Math.round(value)) : String(Number(value.toPrecision(4)));
}

export function grouped(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-GB') : unknown;
}

/** `at step 1,200` */
export const atStep = (step: number): string => `at step ${grouped(step)}`;

export const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

export function mean(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  return finite.length === 0 ? Number.NaN : finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

/** Mean of ratios or perplexities in log space, as the losses they come from are averaged. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.filter((value) => value > 0).map(Math.log)));
}
