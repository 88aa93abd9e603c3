// Which initializers are weights: what training changes, so that no pass may compute with their values or take two of
// them for one because they are equal today (fresh biases are all zero).
import { isFloating } from '../dtype.js';
import { type Graph, isExternal, type Model, subgraphs, type Value } from '../ir.js';

/** Floating-point initializers of more than one element, and everything that lies in another file. */
export function weightsOf(model: Model): ReadonlySet<Value> {
  const weights = new Set<Value>();
  collect(model.graph, weights);
  return weights;
}

function collect(graph: Graph, weights: Set<Value>): void {
  for (const [value, where] of graph.initializers) {
    if (isExternal(where) || (isFloating(where.dtype) && where.data.length > 1)) weights.add(value);
  }
  for (const node of graph.nodes) for (const body of subgraphs(node)) collect(body, weights);
}
