// The passes together, and binding of free dimensions.
import { DdkError } from '#base';
import { type Graph, type Model, subgraphs, Value } from '../ir.js';
import { eliminateCommonSubexpressions } from './cse.js';
import { eliminateDeadNodes } from './dead.js';
import { foldConstants } from './fold.js';
import { mergeReshapes } from './reshape.js';
import { rewriteModel } from './rewrite.js';
import { weightsOf } from './weights.js';

/** Each round either removes a node or is the last; in practice two or three are enough. */
const MAX_ROUNDS = 16;

/**
 * Folds constants, merges reshapes and common subexpressions and removes dead nodes until nothing changes. Results are the same, and
 * stay so when the weights change.
 */
export function optimise(model: Model): Model {
  // Decided once: what folding makes is no weight, although it looks like one.
  const weights = weightsOf(model);
  let current = model;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const folded = mergeReshapes(foldConstants(current, weights));
    const next = eliminateDeadNodes(eliminateCommonSubexpressions(folded, weights));
    const done = countNodes(next.graph) === countNodes(current.graph);
    current = next;
    if (done) break;
  }
  return current;
}

function countNodes(graph: Graph): number {
  return graph.nodes.reduce(
    (sum, node) => sum + 1 + subgraphs(node).reduce((inner, body) => inner + countNodes(body), 0),
    0,
  );
}

/**
 * Gives free dimensions of the inputs fixed sizes, by name. Follow with {@link optimise} to carry them through.
 *
 * @throws DdkError invalid_argument naming a dimension that no input has, or a size that is not positive
 */
export function bindDimensions(model: Model, sizes: Readonly<Record<string, number>>): Model {
  const free = new Set(
    model.graph.inputs.flatMap((input) => (input.shape ?? []).filter((dim) => typeof dim === 'string')),
  );
  for (const [name, size] of Object.entries(sizes)) {
    if (!free.has(name))
      throw new DdkError(
        'invalid_argument',
        `The model has no free dimension "${name}"; it has ${[...free].join(', ') || 'none'}.`,
      );
    if (!Number.isSafeInteger(size) || size <= 0)
      throw new DdkError(
        'invalid_argument',
        `Dimension "${name}" cannot be ${size}; give a positive integer.`,
      );
  }
  return rewriteModel(model, {
    input(value) {
      if (value.shape === undefined || !value.shape.some((dim) => typeof dim === 'string' && dim in sizes))
        return undefined;
      const shape = value.shape.map((dim) => (typeof dim === 'string' ? (sizes[dim] ?? dim) : dim));
      return new Value({ name: value.name, dtype: value.dtype, shape });
    },
  });
}
