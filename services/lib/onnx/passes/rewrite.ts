// The one way in which passes change a graph: walk it in order, substitute values, remake the nodes that this changes.

import type { ResultType } from '../infer/context.js';
import {
  type Attribute,
  type ExternalData,
  type Graph,
  type Model,
  makeNode,
  type Node,
  type TensorData,
  Value,
} from '../ir.js';

/** What becomes of a node. Its inputs and subgraphs have been rewritten already. */
export type Decision =
  | { readonly kind: 'keep' }
  /** Same node, better known results. */
  | {
      readonly kind: 'retype';
      readonly types: readonly ResultType[];
      readonly constant?: TensorData | undefined;
    }
  /** Same node, reading other values. */
  | { readonly kind: 'inputs'; readonly inputs: readonly (Value | null)[] }
  /** The node goes; its outputs are these other values. */
  | { readonly kind: 'alias'; readonly values: readonly Value[] }
  /** The node goes; its outputs become initializers. */
  | { readonly kind: 'constants'; readonly tensors: readonly TensorData[] };

export interface Visitor {
  /** `outputs` are those of the graph that the node is in: they have to keep their names. */
  node?(node: Node, outputs: ReadonlySet<Value>): Decision;
  /** A replacement for a graph input, or undefined to keep it. */
  input?(value: Value): Value | undefined;
  /** A replacement for an initializer (which then goes), or undefined to keep it. */
  initializer?(
    value: Value,
    where: TensorData | ExternalData,
    outputs: ReadonlySet<Value>,
  ): Value | undefined;
  /** Called before and after a subgraph, for passes that remember things by scope. */
  enter?(): void;
  leave?(): void;
  /** A last change to a finished subgraph. */
  body?(graph: Graph): Graph;
}

const keep: Decision = { kind: 'keep' };

export function rewriteModel(model: Model, visitor: Visitor): Model {
  return { ...model, graph: rewriteGraph(model.graph, visitor, new Map()) };
}

/** `substitutes` maps values of the original to values of the result; it is added to. */
export function rewriteGraph(graph: Graph, visitor: Visitor, substitutes: Map<Value, Value>): Graph {
  const outputs = new Set(graph.outputs);
  const current = (value: Value): Value => substitutes.get(value) ?? value;
  const inputs = graph.inputs.map((value) => {
    const replacement = visitor.input?.(value);
    if (replacement !== undefined) substitutes.set(value, replacement);
    return replacement ?? value;
  });
  const initializers = new Map<Value, TensorData | ExternalData>();
  for (const [value, where] of graph.initializers) {
    const replacement = visitor.initializer?.(value, where, outputs);
    if (replacement === undefined) initializers.set(value, where);
    else substitutes.set(value, replacement);
  }
  const nodes: Node[] = [];
  for (const original of graph.nodes) {
    const candidate = substituted(original, visitor, substitutes);
    const decision = visitor.node?.(candidate, outputs) ?? keep;
    switch (decision.kind) {
      case 'keep':
        nodes.push(candidate === original ? original : remake(candidate, original, undefined, substitutes));
        break;
      case 'inputs': {
        const { inputs: others } = decision;
        nodes.push(remake({ ...candidate, inputs: others }, original, undefined, substitutes));
        break;
      }
      case 'retype':
        nodes.push(remake(candidate, original, decision, substitutes));
        break;
      case 'alias':
        original.outputs.forEach((output, i) => {
          // The other node may have been remade since the visitor saw it.
          substitutes.set(output, current(decision.values[i]!));
        });
        break;
      case 'constants':
        original.outputs.forEach((output, i) => {
          const constant = decision.tensors[i]!;
          const value = new Value({
            name: output.name,
            dtype: constant.dtype,
            shape: constant.shape,
            constant,
          });
          substitutes.set(output, value);
          initializers.set(value, constant);
        });
        break;
    }
  }
  return { name: graph.name, inputs, outputs: graph.outputs.map(current), nodes, initializers };
}

/** The node with today's inputs and subgraphs, or itself where nothing changed. Outputs are still the original's. */
function substituted(node: Node, visitor: Visitor, substitutes: Map<Value, Value>): Node {
  let changed = false;
  const inputs = node.inputs.map((value) => {
    const replacement = value === null ? undefined : substitutes.get(value);
    if (replacement !== undefined) changed = true;
    return replacement ?? value;
  });
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of node.attributes) {
    if (attribute.kind !== 'graph') {
      attributes.set(name, attribute);
      continue;
    }
    visitor.enter?.();
    const body = rewriteGraph(attribute.value, visitor, substitutes);
    visitor.leave?.();
    changed = true;
    attributes.set(name, { kind: 'graph', value: visitor.body?.(body) ?? body });
  }
  return changed ? { ...node, inputs, attributes } : node;
}

function remake(
  candidate: Node,
  original: Node,
  retype: { readonly types: readonly ResultType[]; readonly constant?: TensorData | undefined } | undefined,
  substitutes: Map<Value, Value>,
): Node {
  const outputs = original.outputs.map((output, i) => {
    const type = retype?.types[i];
    const value = new Value({
      name: output.name,
      dtype: type?.dtype ?? output.dtypeIfKnown,
      shape: type?.shape ?? output.shape,
      constant: retype?.constant ?? output.constant,
    });
    substitutes.set(output, value);
    return value;
  });
  return makeNode({ ...candidate, outputs });
}
