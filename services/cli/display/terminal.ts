// A live terminal: sentences scroll above the progress and the gaps on standard error; the result goes to standard output.
import cliProgress from 'cli-progress';
import type { Display } from './display.js';
import { Estimate } from './estimate.js';
import { barLine, gapLine } from './live-lines.js';
import { left, Narrator, type Standing } from './narrate.js';
import type { Writers } from './plain.js';

/** What stands below the sentences until the next one, redrawn in place. */
interface Live {
  readonly title: string;
  readonly lines: readonly cliProgress.SingleBar[];
  end(): void;
}

export function terminalDisplay({ out, err }: Writers, stream: NodeJS.WriteStream): Display {
  const narrators = new Map<string, Narrator>();
  const narrator = (id: string): Narrator => {
    const known = narrators.get(id) ?? new Narrator(() => performance.now());
    narrators.set(id, known);
    return known;
  };
  let live: Live | undefined;
  const clear = (): void => {
    live?.end();
    live = undefined;
  };
  // A terminal that does not know its width says 0.
  const columns = (): number => stream.columns || 80;
  const show = (standing: Standing, gaps: string): void => {
    const texts = [barLine(standing, columns()), ...(gaps === '' ? [] : [gaps])];
    if (live && (live.title !== standing.title || live.lines.length !== texts.length)) clear();
    live ??= startLive(standing.title, texts, stream);
    for (const [index, text] of texts.entries()) live.lines[index]?.update({ text });
  };
  const say = (text: string): void => {
    clear();
    err(`${text}\n`);
  };
  return {
    note: say,
    warn: (text) => say(`warning: ${text}`),
    task(title, unit) {
      const estimate = new Estimate();
      return {
        update(done, total, detail) {
          estimate.add(performance.now(), done);
          const details = detail === undefined ? [] : [detail];
          show({ title, unit, done, total, left: left(estimate.leftMs(total)), details }, '');
        },
        end: (summary) => say(`${title}: ${summary ?? 'done'}`),
      };
    },
    run(run, past) {
      for (const line of narrator(run.id).change(run, past)) say(line);
    },
    progress(run, progress) {
      const notice = narrator(run.id).notice(progress);
      if (notice) say(`warning: ${notice}`);
      const standing = narrator(run.id).standing(run, progress);
      if (standing) show(standing, gapLine(run, columns()));
    },
    result(text) {
      clear();
      out(`${text}\n`);
    },
    close: clear,
  };
}

function startLive(title: string, texts: readonly string[], stream: NodeJS.WriteStream): Live {
  const bars = new cliProgress.MultiBar({
    stream,
    format: (_options, _params, payload: { readonly text: string }) => payload.text,
    clearOnComplete: true,
    hideCursor: true,
    fps: 8,
  });
  return { title, lines: texts.map((text) => bars.create(1, 0, { text })), end: () => bars.stop() };
}
