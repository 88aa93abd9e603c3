// How a command tells what it is doing: one interface, three voices (a live terminal, plain lines, JSON lines).

import type { RunProgress } from '#proto/ddk/v1/events';
import type { Run } from '#proto/ddk/v1/types';
import type { RunPast } from './run-past.js';

/** Work that is measured in units done of a total, such as bytes of text or steps of training. */
interface Task {
  /** `detail` is a short phrase such as a loss. */
  update(done: number, total: number, detail?: string): void;
  end(summary?: string): void;
}

export interface Display {
  /** A sentence worth keeping on the screen. */
  note(text: string): void;
  /** A problem that does not end the command. */
  warn(text: string): void;
  task(title: string, unit: string): Task;
  /** A change of a run, and what went before. */
  run(run: Run, past: RunPast): void;
  /** Where the work in hand stands. */
  progress(run: Run, progress: RunProgress): void;
  /** The command's result: text for people, `data` for scripts. */
  result(text: string, data: unknown): void;
  close(): void;
}

type Voice = 'terminal' | 'plain' | 'json';

/** JSON where asked for, live where standard error is a terminal, plain lines otherwise. */
export function chooseVoice(options: { readonly json: boolean; readonly terminal: boolean }): Voice {
  if (options.json) return 'json';
  return options.terminal ? 'terminal' : 'plain';
}
