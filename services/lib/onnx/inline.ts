// Copies a finished graph into a graph under construction: an imported model becomes part of a larger program.
import { DdkError } from '#base';
import type { GraphCore } from './graph-core.js';
import { isStatic } from './infer/dims.js';
import {
  type Attribute,
  type ExternalData,
  type Graph,
  isExternal,
  type TensorData,
  type Value,
} from './ir.js';
import { rewriteGraph } from './passes/rewrite.js';

export interface InlineOptions {
  /** Values that take the place of the graph's inputs, by name; all of them. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** A value that takes the place of an initializer (a weight that is trained); undefined copies it. */
  readonly initializer?: (value: Value, where: TensorData | ExternalData) => Value | undefined;
}

/**
 * Emits the graph's nodes into `b`, with types inferred anew from the values that take the inputs' places.
 *
 * @returns the graph's outputs by name
 * @throws DdkError invalid_argument for an input without a value, or where shapes do not fit
 */
export function inlineGraph(b: GraphCore, graph: Graph, options: InlineOptions): Map<string, Value> {
  const here = new Map<Value, Value>();
  for (const input of graph.inputs) {
    const value = options.inputs.get(input.name);
    if (value === undefined)
      throw new DdkError(
        'invalid_argument',
        `Graph "${graph.name}" needs a value for its input "${input.name}".`,
      );
    here.set(input, value);
  }
  for (const [value, where] of graph.initializers) {
    here.set(value, options.initializer?.(value, where) ?? copyInitializer(b, value, where));
  }
  for (const node of graph.nodes) {
    const attributes = new Map<string, Attribute>();
    for (const [name, attribute] of node.attributes) {
      // A body's captures follow the substitution; its own values are remade.
      attributes.set(
        name,
        attribute.kind === 'graph'
          ? { kind: 'graph', value: rewriteGraph(attribute.value, {}, here) }
          : attribute,
      );
    }
    const inputs = node.inputs.map((value) => (value === null ? null : (here.get(value) ?? value)));
    const declared = node.outputs.map((output) => ({ dtype: output.dtypeIfKnown, shape: undefined }));
    const facts = { op: node.op, domain: node.domain, inputs, attributes, outputCount: node.outputs.length };
    const outputs = b.emit(facts, node.outputs[0]?.name || node.op, declared);
    node.outputs.forEach((output, i) => {
      here.set(output, outputs[i]!);
    });
  }
  return new Map(graph.outputs.map((output) => [output.name, here.get(output) ?? output]));
}

function copyInitializer(b: GraphCore, value: Value, where: TensorData | ExternalData): Value {
  if (!isExternal(where)) return b.constant(where);
  if (!isStatic(value.shape))
    throw new DdkError('invalid_argument', `Initializer "${value.name}" has no fixed shape.`);
  return b.initializer(value.name, value.dtype, value.shape, where);
}
