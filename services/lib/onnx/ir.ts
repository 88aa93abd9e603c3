// The graph: values, the nodes that produce them, graphs of nodes, and a model around the outermost graph.
import { assert, DdkError } from '#base';
import type { DType, TensorArray } from './dtype.js';

/** A size, or the name of a free one. Equal names are equal sizes; `?` is a size nothing is known about. */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major elements. */
  readonly data: TensorArray;
}

/** Where an initializer's bytes lie when they are not in the model file. */
export interface ExternalData {
  /** Path relative to the model's folder. */
  readonly location: string;
  /** Bytes from the file's beginning. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: TensorData }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] };

export interface ValueFacts {
  readonly name: string;
  /** Undefined for the result of an operator that nothing is known about. */
  readonly dtype: DType | undefined;
  readonly shape: Shape | undefined;
  readonly constant?: TensorData | undefined;
}

let lastId = 0;

/** One tensor of a graph. Identity is what counts; the name is for people and for the file. */
export class Value {
  readonly id: number;
  /** Empty for an optional output that nothing asks for. */
  name: string;
  readonly shape: Shape | undefined;
  /** The contents where they are known when the graph is built. */
  readonly constant: TensorData | undefined;
  readonly #dtype: DType | undefined;
  #producer: Node | undefined;

  constructor(facts: ValueFacts) {
    lastId += 1;
    this.id = lastId;
    this.name = facts.name;
    this.shape = facts.shape;
    this.constant = facts.constant;
    this.#dtype = facts.dtype;
  }

  /** @throws DdkError unimplemented, when the operator that makes this value is not known to ddk */
  get dtype(): DType {
    if (this.#dtype === undefined) {
      const producer = this.#producer;
      const maker = producer === undefined ? 'unknown' : `operator ${qualifiedOp(producer)}`;
      throw new DdkError(
        'unimplemented',
        `The element type of value "${this.name}" is not known (${maker}); add the operator to shape inference or declare the value's type in the model.`,
      );
    }
    return this.#dtype;
  }

  get dtypeIfKnown(): DType | undefined {
    return this.#dtype;
  }

  /** The node whose output this is; undefined for inputs and initializers. */
  get producer(): Node | undefined {
    return this.#producer;
  }

  /** Called once, by whoever makes the node. */
  setProducer(node: Node): void {
    assert(this.#producer === undefined, `value ${this.name} has two producers`);
    this.#producer = node;
  }
}

export interface Node {
  readonly op: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  readonly name: string;
  /** null: an optional input that is not given. */
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** In topological order. A subgraph's nodes may also use values of the graphs around it. */
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<Value, TensorData | ExternalData>;
}

export interface Model {
  /** Version by operator domain; the standard domain is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly irVersion: number;
  readonly graph: Graph;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
}

export function isExternal(where: TensorData | ExternalData): where is ExternalData {
  return 'location' in where;
}

/** Makes a node and tells its outputs about it. */
export function makeNode(node: Node): Node {
  for (const output of node.outputs) output.setProducer(node);
  return node;
}

/** `MatMul`, or `com.microsoft.FusedMatMul` outside the standard domain. */
export function qualifiedOp(node: Pick<Node, 'op' | 'domain'>): string {
  return node.domain === '' ? node.op : `${node.domain}.${node.op}`;
}

/** Graphs held by a node's attributes (bodies of Loop, If, Scan). */
export function subgraphs(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') graphs.push(attribute.value);
  }
  return graphs;
}

/** Every value a node reads: its inputs, and what its subgraphs take from the graphs around them. */
export function usedValues(node: Node): Value[] {
  const used: Value[] = [];
  for (const input of node.inputs) if (input !== null) used.push(input);
  for (const graph of subgraphs(node)) used.push(...captures(graph));
  return used;
}

/** Values that a subgraph uses and does not define. */
function captures(graph: Graph): Value[] {
  const own = new Set<Value>([...graph.inputs, ...graph.initializers.keys()]);
  for (const node of graph.nodes) for (const output of node.outputs) own.add(output);
  const outer = new Set<Value>();
  for (const node of graph.nodes) for (const value of usedValues(node)) if (!own.has(value)) outer.add(value);
  for (const output of graph.outputs) if (!own.has(output)) outer.add(output);
  return [...outer];
}
