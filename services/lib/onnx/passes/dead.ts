// Removes nodes and initializers that no output depends on.
import { type Graph, type Model, type Node, usedValues, type Value } from '../ir.js';
import { rewriteGraph } from './rewrite.js';

/** Graph inputs stay: they are the model's interface. Bodies of Loop and If are cleaned first. */
export function eliminateDeadNodes(model: Model): Model {
  return { ...model, graph: prune(cleanBodies(model.graph)) };
}

/** The graph with every body pruned, innermost first. */
function cleanBodies(graph: Graph): Graph {
  const hasBodies = graph.nodes.some((node) =>
    [...node.attributes.values()].some(({ kind }) => kind === 'graph'),
  );
  if (!hasBodies) return graph;
  return rewriteGraph(graph, { body: prune }, new Map());
}

function prune(graph: Graph): Graph {
  const live = new Set<Value>(graph.outputs);
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => live.has(output))) continue;
    nodes.push(node);
    for (const value of usedValues(node)) live.add(value);
  }
  const initializers = new Map([...graph.initializers].filter(([value]) => live.has(value)));
  return { ...graph, nodes: nodes.reverse(), initializers };
}
