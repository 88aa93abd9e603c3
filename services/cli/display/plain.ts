// Plain lines on standard error, for logs and pipes; the result on standard output.
import type { Display } from './display.js';
import { Estimate } from './estimate.js';
import { left, Narrator, type Standing } from './narrate.js';

export interface Writers {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** At most one progress line every `everyMs`. */
export function plainDisplay({ out, err }: Writers, everyMs = 10_000): Display {
  const narrators = new Map<string, Narrator>();
  const narrator = (id: string): Narrator => {
    const known = narrators.get(id) ?? new Narrator(() => performance.now());
    narrators.set(id, known);
    return known;
  };
  let lastMs = Number.NEGATIVE_INFINITY;
  const due = (): boolean => {
    const now = performance.now();
    if (now - lastMs < everyMs) return false;
    lastMs = now;
    return true;
  };
  const tell = ({ title, done, total, unit, left, details }: Standing): void => {
    if (!due()) return;
    const parts = [`${title}: ${done} of ${total} ${unit}`, left, ...details];
    err(`${parts.filter((p) => p !== '').join(' · ')}\n`);
  };
  return {
    note: (text) => err(`${text}\n`),
    warn: (text) => err(`warning: ${text}\n`),
    task(title, unit) {
      const estimate = new Estimate();
      return {
        update(done, total, detail) {
          estimate.add(performance.now(), done);
          const details = detail === undefined ? [] : [detail];
          tell({ title, unit, done, total, left: left(estimate.leftMs(total)), details });
        },
        end: (summary) => err(`${title}: ${summary ?? 'done'}\n`),
      };
    },
    run(run, past) {
      for (const line of narrator(run.id).change(run, past)) err(`${line}\n`);
    },
    progress(run, progress) {
      const notice = narrator(run.id).notice(progress);
      if (notice) err(`warning: ${notice}\n`);
      const standing = narrator(run.id).standing(run, progress);
      if (standing) tell(standing);
    },
    result: (text) => out(`${text}\n`),
    close() {},
  };
}
