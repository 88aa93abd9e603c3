// Gradients of operators that pick elements by index.
//
// Adding at indices that may repeat is done by ScatterElements: on the CPU it is sequential, so it is exact and gives
// the same bits every time. ScatterND(add) adds from several threads at once and loses updates where indices repeat.
import { numbersOf, type Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { type Contribution, into, structural } from '../rule.js';
import { frontAxis, product, staticShape } from '../shapes.js';
import { placeRows, zeros } from './placement.js';

export const indexingRules = structural({
  Gather: [gathered],
  GatherElements: [(c) => scatterAdd(c, c.w, c.whole, c.axis(0, c.xShape.length))],
  ScatterElements: [scatterData, undefined, scatterUpdates],
  TopK: [topValues],
});

/** Adds `updates` at `indices` of what the input has received already. */
function scatterAdd(c: RuleContext, indices: Value, updates: Value, axis: number): Contribution {
  return into((previous) =>
    c.e.scatterElements(previous ?? freshZeros(c, c.w), indices, updates, axis, 'add'),
  );
}

function gathered(c: RuleContext): Contribution {
  const { e, w, whole, xShape } = c;
  const axis = c.axis(0, xShape.length);
  const picked = product(staticShape(w));
  const rowShape = [...xShape.slice(0, axis), picked, ...xShape.slice(axis + 1)];
  const rows = e.reshape(whole, rowShape);
  const positions = distinctPositions(w, xShape[axis]!);
  if (positions !== undefined) return placeRows(e, rows, axis, positions, xShape[axis]!);
  const column = xShape.map((_, index) => (index === axis ? picked : 1));
  return scatterAdd(c, e.expand(e.reshape(w, column), rowShape), rows, axis);
}

/**
 * Zeros of the input's shape that are made when the graph runs. Constant ones would be folded into a tensor as large as
 * a table of embeddings that the session keeps and copies for every run; these are scattered into in place.
 */
function freshZeros(c: RuleContext, indices: Value): Value {
  const { e } = c;
  // An index less itself is 0, which no optimiser of graphs takes for a constant.
  const first = e.slice(e.reshape(indices, [-1]), 0, 0, 1);
  return e.expand(e.cast(e.sub(first, first), c.x.dtype), c.xShape);
}

/** The indices, where they are constant and none repeats. */
function distinctPositions(indices: Value, size: number): readonly number[] | undefined {
  if (indices.constant === undefined) return undefined;
  const positions = numbersOf(indices.constant).map((index) => frontAxis(index, size));
  return new Set(positions).size === positions.length ? positions : undefined;
}

function reduction(c: RuleContext): 'none' | 'add' {
  const kind = c.string('reduction', 'none');
  if (kind === 'none' || kind === 'add') return kind;
  return c.refuse(`there is no rule for reduction "${kind}"`);
}

function scatterData(c: RuleContext): Contribution {
  if (reduction(c) === 'add') return c.whole;
  // What was overwritten has no influence.
  const axis = c.axis(0, c.xShape.length);
  return c.e.scatterElements(c.whole, c.w, zeros(c.e, staticShape(c.w), c.x.dtype), axis);
}

function scatterUpdates(c: RuleContext): Contribution {
  reduction(c);
  return c.e.gatherElements(c.whole, c.w, c.axis(0, c.xShape.length));
}

function topValues(c: RuleContext): Contribution {
  // The positions of one row differ, so they are set, not added.
  const axis = c.axis(-1, c.xShape.length);
  return c.e.scatterElements(freshZeros(c, c.output(1)), c.output(1), c.whole, axis);
}
