// Common subexpressions: a node that computes what an earlier visible node computes is replaced by it.
import type { Attribute, ExternalData, Model, Node, TensorData, Value } from '../ir.js';
import { isExternal, qualifiedOp, subgraphs } from '../ir.js';
import { contentKey } from '../tensor.js';
import { rewriteModel } from './rewrite.js';
import { weightsOf } from './weights.js';

/** Two nodes of these with equal inputs do not give equal results. */
const impure = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
  'Dropout',
]);

/** Larger initializers are not compared byte by byte: nothing that large repeats. */
const MAX_COMPARED_BYTES = 1 << 20;

/**
 * Equal operator, attributes (type and value, in any order), inputs and number of outputs make equal nodes. Identity is
 * its input. Inside a body everything computed before it in the graphs around it counts as computed. Nodes that make a
 * graph's outputs keep their names and stay. Weights are equal only where they lie at the same place of the same file.
 */
export function eliminateCommonSubexpressions(
  model: Model,
  weights: ReadonlySet<Value> = weightsOf(model),
): Model {
  const seen = new Layers<readonly Value[]>();
  return rewriteModel(model, {
    enter: () => seen.push(),
    leave: () => seen.pop(),
    initializer(value, where, outputs) {
      const key = weights.has(value) && !isExternal(where) ? undefined : initializerKey(value, where);
      if (key === undefined) return undefined;
      const [known] = seen.get(key) ?? [];
      if (known !== undefined && !outputs.has(value)) return known;
      if (known === undefined) seen.set(key, [value]);
      return undefined;
    },
    node(node, outputs) {
      const isOutput = node.outputs.some((output) => outputs.has(output));
      if (node.op === 'Identity' && node.domain === '' && !isOutput)
        return { kind: 'alias', values: [node.inputs[0]!] };
      if (impure.has(node.op) || subgraphs(node).length > 0) return { kind: 'keep' };
      const key = nodeKey(node);
      const known = seen.get(key);
      if (known !== undefined && !isOutput) return { kind: 'alias', values: known };
      if (known === undefined) seen.set(key, node.outputs);
      return { kind: 'keep' };
    },
  });
}

/** A map in layers, one for each nesting of graphs. */
class Layers<T> {
  readonly #layers: Map<string, T>[] = [new Map()];

  push(): void {
    this.#layers.push(new Map());
  }
  pop(): void {
    this.#layers.pop();
  }
  get(key: string): T | undefined {
    for (const layer of this.#layers) if (layer.has(key)) return layer.get(key);
    return undefined;
  }
  set(key: string, value: T): void {
    this.#layers.at(-1)!.set(key, value);
  }
}

function initializerKey(value: Value, where: TensorData | ExternalData): string | undefined {
  if (isExternal(where))
    return `@${where.location}+${where.offset}:${where.length} ${value.dtype}[${value.shape?.join(',')}]`;
  return where.data.byteLength > MAX_COMPARED_BYTES ? undefined : contentKey(where);
}

function nodeKey(node: Node): string {
  const inputs = node.inputs.map((value) => (value === null ? '-' : value.id)).join(',');
  const attributes = [...node.attributes]
    .map(([name, attribute]) => `${JSON.stringify(name)}=${attributeKey(attribute)}`)
    .sort();
  const outputs = node.outputs.map((output) => (output.name === '' ? '-' : '+')).join('');
  return `${qualifiedOp(node)}(${inputs}){${attributes.join(';')}}${outputs}`;
}

/** The kind is part of the key: an int 1 and a float 1 are different attributes. */
function attributeKey(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'tensor':
      return `tensor ${contentKey(attribute.value)}`;
    case 'int':
    case 'float':
      return `${attribute.kind} ${numberKey(attribute.value)}`;
    case 'ints':
    case 'floats':
      return `${attribute.kind} ${attribute.value.map(numberKey).join(',')}`;
    case 'string':
    case 'strings':
      return `${attribute.kind} ${JSON.stringify(attribute.value)}`;
    case 'graph':
      return `graph ${attribute.value.name}`;
  }
}

const numberKey = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
