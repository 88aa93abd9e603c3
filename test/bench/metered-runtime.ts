// A runtime that notes when its sessions compute, so that what a process does beside can be told.
import type { Binding, ResidentSession, Runtime, Session } from '#runtime';
import { isResident } from '#runtime';

/** Start and end of one run of a session, by performance.now(). */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface MeteredRuntime {
  readonly runtime: Runtime;
  /** Runs that have ended, in that order. */
  readonly spans: readonly Span[];
}

export function meterRuntime(runtime: Runtime): MeteredRuntime {
  const spans: Span[] = [];
  const timed = async <T>(body: () => Promise<T>): Promise<T> => {
    const fromMs = performance.now();
    try {
      return await body();
    } finally {
      spans.push({ fromMs, toMs: performance.now() });
    }
  };
  const meterBinding = (binding: Binding): Binding => ({
    run: (options) => timed(() => binding.run(options)),
    release: () => binding.release(),
  });
  const meterSession = (session: Session): Session => {
    const metered: Session = {
      inputs: session.inputs,
      outputs: session.outputs,
      run: (feeds, options) => timed(() => session.run(feeds, options)),
      close: () => session.close(),
    };
    if (!isResident(session)) return metered;
    const resident: ResidentSession = {
      ...metered,
      allocate: (dtype, shape) => session.allocate(dtype, shape),
      bind: (inputs, outputs) => meterBinding(session.bind(inputs, outputs)),
    };
    return resident;
  };
  return {
    spans,
    runtime: {
      kind: runtime.kind,
      version: runtime.version,
      createSession: async (model, options) => meterSession(await runtime.createSession(model, options)),
      close: () => runtime.close(),
    },
  };
}

/** Milliseconds in which at least one span was open. */
export function covered(spans: readonly Span[]): number {
  let total = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of [...spans].sort((a, b) => a.fromMs - b.fromMs)) {
    if (toMs <= until) continue;
    total += toMs - Math.max(fromMs, until);
    until = toMs;
  }
  return total;
}
