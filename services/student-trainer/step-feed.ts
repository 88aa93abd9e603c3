// What a step needs, made ready while earlier steps train: the rows drawn, their windows, the teacher's targets.
import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert, inGroups } from '#base';
import { type Corpus, type Cursors, planStep, type Window } from '#corpus';

export interface StepPlan {
  /** Within the run, from 1. */
  readonly step: number;
  /** Domain of each row. */
  readonly domains: readonly number[];
  /** B windows. */
  readonly windows: readonly Window[];
  /** Where the domains stand once this step is done. */
  readonly cursors: Cursors;
}

export interface PreparedStep<Targets> extends StepPlan {
  readonly targets: Targets;
}

export interface FeedOptions<Targets> {
  readonly corpus: Corpus;
  readonly seed: number;
  readonly weights: readonly number[];
  readonly batchSize: number;
  /** First and last step to prepare. */
  readonly from: number;
  readonly to: number;
  readonly cursors: Cursors;
  /** Steps prepared ahead of the one being trained. */
  readonly ahead: number;
  readonly fetchTargets: (step: number, windows: readonly Window[], signal: AbortSignal) => Promise<Targets>;
  readonly signal: AbortSignal;
}

/** Windows of a step that are read at once. */
const windowsAtOnce = 256;

/**
 * The steps in order. Which rows a step draws follows from the seed, the step and the cursors alone, so any step can be
 * prepared again exactly. Ending the iteration early ends what is being fetched.
 */
export async function* stepFeed<Targets>(
  options: FeedOptions<Targets>,
): AsyncGenerator<PreparedStep<Targets>> {
  const { corpus, seed, weights, batchSize, from, to, ahead } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  // Every message to the teacher listens until it is answered: many at once for large steps, none for long.
  setMaxListeners(0, signal);
  const windowsOf = corpus.manifest.domains.map((d) => d.trainWindows);
  const inFlight: Promise<PreparedStep<Targets>>[] = [];
  let cursors = options.cursors;
  let next = from;

  const prepare = async (
    plan: Omit<StepPlan, 'windows'>,
    drawn: readonly { domain: number; window: number }[],
  ) => {
    const windows = await inGroups(drawn, windowsAtOnce, (row) => corpus.window(row.domain, row.window));
    return { ...plan, windows, targets: await options.fetchTargets(plan.step, windows, signal) };
  };
  const fill = async (): Promise<void> => {
    while (next <= to && inFlight.length <= ahead) {
      const planned = planStep({ seed, step: next, rows: batchSize, weights, windows: windowsOf, cursors });
      cursors = planned.cursors;
      const plan = { step: next, domains: planned.rows.map((r) => r.domain), cursors };
      const prepared = prepare(plan, planned.rows);
      // A failure is met when its turn comes, not before.
      prepared.catch(() => {});
      inFlight.push(prepared);
      next += 1;
      // Drawing the rows of a large step takes a while; several are not drawn in one turn.
      if (next <= to && inFlight.length <= ahead) await nextTurn();
    }
  };
  try {
    for (let step = from; step <= to; step++) {
      await fill();
      const prepared = await inFlight.shift();
      assert(prepared?.step === step, 'steps come in order');
      yield prepared;
    }
  } finally {
    stop.abort();
  }
}
