// Arithmetic on dimensions that may be symbolic. A symbolic size is a name, a product of names ("2*batch*sequence")
// or `?`, about which nothing is known, not even that it equals another `?`.
import type { Dim, Shape } from '../ir.js';

export const unknownDim = '?';

/** Longer products say nothing to a reader any more and would grow without bound in a hostile model. */
const MAX_SYMBOL_LENGTH = 96;

export function sameDim(a: Dim, b: Dim): boolean {
  return a === b && a !== unknownDim;
}

export function isStatic(shape: Shape | undefined): shape is readonly number[] {
  return shape?.every((dim) => typeof dim === 'number') ?? false;
}

/** The size two sizes broadcast to, or undefined where they cannot. */
function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === 1) return b;
  if (b === 1) return a;
  if (sameDim(a, b)) return a;
  if (typeof a === 'number' && typeof b === 'number') return undefined;
  // A free size beside a fixed one other than 1 has to be that or 1, so the result is the fixed one.
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return unknownDim;
}

/** Numpy broadcasting, aligned at the last dimension; undefined where the shapes do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const dim = broadcastDim(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1);
    if (dim === undefined) return undefined;
    out.push(dim);
  }
  return out;
}

interface Product {
  readonly factor: number;
  readonly symbols: readonly string[];
}

function productOf(shape: Shape): Product | undefined {
  let factor = 1;
  const symbols: string[] = [];
  for (const dim of shape) {
    if (dim === unknownDim) return undefined;
    if (typeof dim === 'number') factor *= dim;
    else
      for (const part of dim.split('*')) {
        if (/^\d+$/.test(part)) factor *= Number(part);
        else symbols.push(part);
      }
  }
  return { factor, symbols: symbols.sort() };
}

/** Product of sizes as one size. */
export function multiplyDims(shape: Shape): Dim {
  const product = productOf(shape);
  return product === undefined ? unknownDim : dimOf(product);
}

function dimOf({ factor, symbols }: Product): Dim {
  if (symbols.length === 0 || factor === 0) return factor;
  const name = (factor === 1 ? symbols : [String(factor), ...symbols]).join('*');
  return name.length > MAX_SYMBOL_LENGTH ? unknownDim : name;
}

/** total / part as one size; undefined where it is known not to divide, `?` where that cannot be told. */
export function divideDims(total: Shape, part: Shape): Dim | undefined {
  const whole = productOf(total);
  const divisor = productOf(part);
  if (whole === undefined || divisor === undefined) return unknownDim;
  const symbols = [...whole.symbols];
  for (const symbol of divisor.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return unknownDim;
    symbols.splice(at, 1);
  }
  if (divisor.factor === 0) return symbols.length === 0 && whole.factor !== 0 ? undefined : unknownDim;
  if (whole.factor % divisor.factor !== 0) return symbols.length === 0 ? undefined : unknownDim;
  return dimOf({ factor: whole.factor / divisor.factor, symbols });
}

/** What is known from either of two descriptions of one shape. The first wins where both say something. */
export function mergeShapes(first: Shape | undefined, second: Shape | undefined): Shape | undefined {
  if (first === undefined) return second;
  if (second === undefined || second.length !== first.length) return first;
  return first.map((dim, i) =>
    typeof dim === 'number' ? dim : typeof second[i] === 'number' || dim === unknownDim ? second[i]! : dim,
  );
}
