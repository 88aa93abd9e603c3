// How the time of runs divides into measuring and everything else, as far as this process watches them.
import { type Run, RunState } from '#proto/ddk/v1/types';
import { isOver } from '../display/describe-run.js';
import type { Display } from '../display/display.js';

export class PhaseTimes {
  readonly #nowMs: () => number;
  #measuringMs = 0;
  #watchedMs = 0;
  /** What the time goes to since the last change; undefined between runs. */
  #current: { readonly state: RunState; readonly sinceMs: number } | undefined;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** A display that tells this one of every change, and shows what `display` shows. */
  watching(display: Display): Display {
    return {
      ...display,
      run: (...change) => {
        this.change(change[0]);
        display.run(...change);
      },
    };
  }

  change(run: Run): void {
    const now = this.#nowMs();
    if (this.#current) {
      const passed = now - this.#current.sinceMs;
      this.#watchedMs += passed;
      if (this.#current.state === RunState.MEASURING) this.#measuringMs += passed;
    }
    this.#current =
      isOver(run) || run.state === RunState.PAUSED ? undefined : { state: run.state, sinceMs: now };
  }

  /** From 0 to 1; undefined where no run was at work. */
  get measuringShare(): number | undefined {
    return this.#watchedMs > 0 ? this.#measuringMs / this.#watchedMs : undefined;
  }
}
