// A live terminal: sentences scroll above one progress bar on standard error; the result goes to standard output.
import cliProgress from 'cli-progress';
import type { Display } from './display.js';
import { left, Narrator } from './narrate.js';
import type { Writers } from './plain.js';

export function terminalDisplay({ out, err }: Writers, stream: NodeJS.WriteStream): Display {
  const narrators = new Map<string, Narrator>();
  const narrator = (id: string): Narrator => {
    const known = narrators.get(id) ?? new Narrator(() => performance.now());
    narrators.set(id, known);
    return known;
  };
  let bar: cliProgress.SingleBar | undefined;
  let barTitle = '';

  const show = (title: string, unit: string, done: number, total: number, detail: string): void => {
    if (barTitle !== title) clear();
    if (!bar) {
      bar = new cliProgress.SingleBar(
        {
          stream,
          format: '{title} {bar} {value}/{total} {unit} · {detail}',
          barsize: 24,
          clearOnComplete: true,
          hideCursor: true,
          fps: 8,
          emptyOnZero: true,
        },
        cliProgress.Presets.shades_classic,
      );
      bar.start(Math.max(total, 1), done, { title, unit, detail });
      barTitle = title;
    }
    bar.setTotal(Math.max(total, 1));
    bar.update(done, { title, unit, detail });
  };
  const clear = (): void => {
    bar?.stop();
    bar = undefined;
    barTitle = '';
  };
  const say = (text: string): void => {
    clear();
    err(`${text}\n`);
  };
  return {
    note: say,
    warn: (text) => say(`warning: ${text}`),
    task: (title, unit) => {
      const startedMs = performance.now();
      return {
        update(done, total, detail) {
          const elapsed = performance.now() - startedMs;
          const remaining = done > 0 && elapsed > 1000 ? (elapsed * (total - done)) / done : undefined;
          show(title, unit, done, total, [detail ?? '', left(remaining)].filter((p) => p !== '').join(' · '));
        },
        end: (summary) => say(`${title}: ${summary ?? 'done'}`),
      };
    },
    run(run) {
      for (const line of narrator(run.id).change(run)) say(line);
    },
    progress(run, progress) {
      const standing = narrator(run.id).standing(run, progress);
      if (!standing) return;
      const detail = [standing.detail, left(standing.leftMs)].filter((p) => p !== '').join(' · ');
      show(standing.title, standing.unit, standing.done, standing.total, detail);
    },
    result(text) {
      clear();
      out(`${text}\n`);
    },
    close: clear,
  };
}
