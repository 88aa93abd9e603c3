// Plain lines on standard error, for logs and pipes; the result on standard output.
import type { Display } from './display.js';
import { left, Narrator } from './narrate.js';

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
  return {
    note: (text) => err(`${text}\n`),
    warn: (text) => err(`warning: ${text}\n`),
    task: (title, unit) => ({
      update(done, total, detail) {
        if (due()) err(`${title}: ${done} of ${total} ${unit}${detail ? ` · ${detail}` : ''}\n`);
      },
      end: (summary) => err(`${title}: ${summary ?? 'done'}\n`),
    }),
    run(run) {
      for (const line of narrator(run.id).change(run)) err(`${line}\n`);
    },
    progress(run, progress) {
      const standing = narrator(run.id).standing(run, progress);
      if (!standing || !due()) return;
      const { title, done, total, unit, detail, leftMs } = standing;
      const parts = [`${title}: ${done} of ${total} ${unit}`, detail, left(leftMs)];
      err(`${parts.filter((p) => p !== '').join(' · ')}\n`);
    },
    result: (text) => out(`${text}\n`),
    close() {},
  };
}
