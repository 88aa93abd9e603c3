// The rules every well-formed model keeps, checked after building, decoding and every pass.
import { DdkError } from '#base';
import type { Graph, Model, Node, Value } from './ir.js';
import { subgraphs } from './ir.js';

/**
 * Names are unique, every value that is used is defined before (nodes are in topological order, so there is no cycle),
 * every output exists.
 *
 * @throws DdkError invalid_argument naming the value and the node
 */
export function checkModel(model: Model): void {
  checkGraph(model.graph, new Set(), new Set());
}

function checkGraph(graph: Graph, outer: ReadonlySet<Value>, names: Set<string>): void {
  const defined = new Set(outer);
  const define = (value: Value, what: string): void => {
    if (value.name === '') throw broken(graph, `${what} has no name`);
    if (names.has(value.name)) throw broken(graph, `${what} "${value.name}" has the name of another value`);
    names.add(value.name);
    defined.add(value);
  };
  for (const input of graph.inputs) define(input, 'input');
  for (const value of graph.initializers.keys()) if (!defined.has(value)) define(value, 'initializer');
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input !== null && !defined.has(input)) {
        throw broken(graph, `${describe(node)} uses "${input.name}" before it is made`);
      }
    }
    for (const subgraph of subgraphs(node)) checkGraph(subgraph, defined, names);
    for (const output of node.outputs) {
      if (output.name !== '') define(output, `output of ${describe(node)}`);
    }
  }
  for (const output of graph.outputs) {
    if (!defined.has(output)) throw broken(graph, `output "${output.name}" is made by no node`);
  }
}

function describe(node: Node): string {
  return node.name === '' ? node.op : `${node.op} "${node.name}"`;
}

function broken(graph: Graph, problem: string): DdkError {
  return new DdkError('invalid_argument', `Graph "${graph.name}" is not well formed: ${problem}.`);
}
