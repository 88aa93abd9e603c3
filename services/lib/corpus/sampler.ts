// Which windows a step trains on: a pure function of seed, step, mixture and cursors.

import { DdkError, keyedPermutation, keyedUniform } from '#base';

/** How far each domain has been read. All the state there is; it is part of every checkpoint. */
export interface Cursors {
  /** Windows drawn so far, by domain. */
  readonly drawn: readonly number[];
}

export interface StepPlan {
  readonly rows: readonly { readonly domain: number; readonly window: number }[];
  readonly cursors: Cursors;
}

export function initialCursors(domains: number): Cursors {
  return { drawn: new Array<number>(domains).fill(0) };
}

/**
 * Plans one step.
 *
 * The domain of row r of step s is drawn with probability proportional to its weight, by a number keyed by (seed, s, r).
 * A domain's windows come in passes; a pass visits each of them once, in an order keyed by (seed, domain, pass).
 *
 * @param options.seed of the run; whole and not negative, as is `step`
 * @param options.windows number of windows, by domain
 * @throws DdkError `invalid_argument` for weights that are no distribution, or that give a share to a domain without windows
 */
export function planStep(options: {
  readonly seed: number;
  readonly step: number;
  readonly rows: number;
  readonly weights: readonly number[];
  readonly windows: readonly number[];
  readonly cursors: Cursors;
}): StepPlan {
  const { seed, step, weights, windows } = options;
  checkPlan(options);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const drawn = [...options.cursors.drawn];
  // The order of a pass is the same for all its rows; making it anew for each would cost more than the draw.
  const orders = new Map<string, (index: number) => number>();
  const rows = Array.from({ length: options.rows }, (_, row) => {
    const domain = chooseDomain(weights, keyedUniform(seed, 'sampler/domain', step, row) * total);
    const count = windows[domain]!;
    const draw = drawn[domain]!;
    drawn[domain] = draw + 1;
    const pass = Math.floor(draw / count);
    const name = `${domain}/${pass}`;
    const order = orders.get(name) ?? keyedPermutation(count, seed, 'sampler/window', domain, pass);
    orders.set(name, order);
    return { domain, window: order(draw % count) };
  });
  return { rows, cursors: { drawn } };
}

function chooseDomain(weights: readonly number[], target: number): number {
  let sum = 0;
  let last = -1;
  for (const [domain, weight] of weights.entries()) {
    if (weight === 0) continue;
    sum += weight;
    last = domain;
    if (target < sum) return domain;
  }
  // Only rounding leads here: the target may equal the sum that was added in the same order.
  return last;
}

function checkPlan(options: Parameters<typeof planStep>[0]): void {
  const { seed, step, weights, windows, cursors, rows } = options;
  const refuse = (problem: string) =>
    new DdkError('invalid_argument', `The step cannot be planned: ${problem}.`);
  if (windows.length !== weights.length || cursors.drawn.length !== weights.length) {
    const counts = `${weights.length} weights, ${windows.length} window counts and ${cursors.drawn.length} cursors`;
    throw refuse(`there are ${counts}, and each domain needs one of each`);
  }
  if (![seed, step].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    throw refuse(`seed ${seed} and step ${step} must be whole numbers of at least 0`);
  }
  if (!Number.isSafeInteger(rows) || rows < 1) throw refuse(`${rows} is not a number of rows`);
  if (!cursors.drawn.every((drawn) => Number.isSafeInteger(drawn) && drawn >= 0)) {
    throw refuse(`cursors [${cursors.drawn.join(', ')}] are not counts`);
  }
  if (
    !weights.every((weight) => Number.isFinite(weight) && weight >= 0) ||
    !weights.some((weight) => weight > 0)
  ) {
    throw refuse(`weights [${weights.join(', ')}] must be finite, not negative and not all zero`);
  }
  for (const [domain, weight] of weights.entries()) {
    if (weight > 0 && !(Number.isSafeInteger(windows[domain]) && windows[domain]! > 0)) {
      throw refuse(`domain ${domain} has weight ${weight} and no window to draw`);
    }
  }
}
