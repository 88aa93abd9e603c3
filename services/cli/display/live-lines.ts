// The lines of a live terminal, fitted to its width: progress with what is left of it, and the gap of every domain.
import type { Run } from '#proto/ddk/v1/types';
import { lastMeasured, ratio } from './describe-run.js';
import type { Standing } from './narrate.js';

const widestBar = 24;
const narrowestBar = 6;

/** `training ████░░ 12/30 steps · 5 s left · loss 2.1`; the last details are left out where there is no room for them. */
export function barLine({ title, done, total, unit, left, details }: Standing, columns: number): string {
  const count = `${done}/${total} ${unit}`;
  const figures = [count, ...(left === '' ? [] : [left]), ...details];
  const room = (): number => columns - 1 - title.length - figures.join(' · ').length - 2;
  while (room() < narrowestBar && figures.length > 1) figures.pop();
  const width = Math.max(narrowestBar, Math.min(widestBar, room()));
  const full = Math.round(width * Math.min(1, total > 0 ? done / total : 0));
  const line = `${title} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${figures.join(' · ')}`;
  return line.slice(0, Math.max(0, columns - 1));
}

/** `gaps  code 1.652  prose 1.633`, as last measured; empty before. Where they do not all fit, the largest ones. */
export function gapLine(run: Run, columns: number): string {
  const gaps = lastMeasured(run)?.gaps ?? [];
  if (gaps.length === 0) return '';
  const line = (some: typeof gaps): string => {
    const others = gaps.length - some.length;
    const cells = some.map((gap) => `${gap.domain} ${ratio(gap.ratio)}`);
    return ['gaps', ...cells, ...(others > 0 ? [`and ${others} smaller`] : [])].join('  ');
  };
  const all = line(gaps);
  if (all.length < columns) return all;
  const largest = [...gaps].sort((a, b) => b.ratio - a.ratio);
  while (largest.length > 1 && line(largest).length >= columns) largest.pop();
  return line(largest).slice(0, Math.max(0, columns - 1));
}
