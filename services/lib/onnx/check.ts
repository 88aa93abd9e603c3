// The rules every well-formed model keeps, checked after building and decoding.
import { DdkError } from '#base';
import type { Graph, Model, Node, Value } from './ir.js';
import { subgraphs } from './ir.js';

/**
 * Names are unique where they are visible, every value that is used is defined before (nodes are in topological order,
 * so there is no cycle), every output exists.
 *
 * @throws DdkError invalid_argument naming the value and the node
 */
export function checkModel(model: Model): void {
  checkGraph(model.graph, undefined);
}

/** What a graph defines, on top of what the graphs around it have defined so far. */
class Visible {
  readonly #values = new Set<Value>();
  readonly #names = new Set<string>();
  readonly #outer: Visible | undefined;

  constructor(outer: Visible | undefined) {
    this.#outer = outer;
  }

  has(value: Value): boolean {
    return this.#values.has(value) || (this.#outer?.has(value) ?? false);
  }

  hasName(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.hasName(name) ?? false);
  }

  add(value: Value): void {
    this.#values.add(value);
    this.#names.add(value.name);
  }
}

function checkGraph(graph: Graph, outer: Visible | undefined): void {
  const defined = new Visible(outer);
  const define = (value: Value, what: string): void => {
    if (value.name === '') throw broken(graph, `${what} has no name`);
    if (defined.hasName(value.name))
      throw broken(graph, `${what} "${value.name}" has the name of another value`);
    defined.add(value);
  };
  for (const input of graph.inputs) define(input, 'input');
  for (const value of graph.initializers.keys()) define(value, 'initializer');
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input !== null && !defined.has(input)) {
        throw broken(graph, `${describe(node)} uses "${input.name}" before it is made`);
      }
    }
    for (const subgraph of subgraphs(node)) checkGraph(subgraph, defined);
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
