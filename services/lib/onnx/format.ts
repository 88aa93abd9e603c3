// The readable text form of a model: one line a node, stable, made for reading and for snapshots in tests.
import {
  type Attribute,
  type ExternalData,
  type Graph,
  isExternal,
  type Model,
  type Node,
  qualifiedOp,
  type TensorData,
  type Value,
} from './ir.js';
import { numbersOf } from './tensor.js';

/** Tensors up to this many elements are written out. */
const MAX_ELEMENTS = 8;

/**
 *     model opset 18, ir 8
 *     graph name(x: float32[batch,4]) -> (y) {
 *       w: float32[4,3] = {...}
 *       y: float32[batch,3] = MatMul(x, w)
 *     }
 *
 * Small constants stand where they are used; weights in other files show where (`@ file + offset : bytes`).
 */
export function formatModel(model: Model): string {
  const opsets = [...model.opsets].map(
    ([domain, version]) => `${domain === '' ? 'opset' : domain} ${version}`,
  );
  return `model ${[...opsets, `ir ${model.irVersion}`].join(', ')}\n${formatGraph(model.graph, '').join('\n')}\n`;
}

function formatGraph(graph: Graph, indent: string): string[] {
  const inner = `${indent}  `;
  const inputs = graph.inputs.map(typed).join(', ');
  const outputs = graph.outputs.map((value) => value.name).join(', ');
  const initializers = [...graph.initializers]
    .filter(([value]) => !isInline(value))
    .map(([value, where]) => `${inner}${typed(value)} = ${formatInitializer(where)}`);
  const nodes = graph.nodes.flatMap((node) => formatNode(node, inner));
  return [
    `${indent}graph ${graph.name}(${inputs}) -> (${outputs}) {`,
    ...initializers,
    ...nodes,
    `${indent}}`,
  ];
}

function formatNode(node: Node, indent: string): string[] {
  const results = node.outputs.map((value) => (value.name === '' ? '_' : typed(value))).join(', ');
  const operands = node.inputs
    .map((value) => (value === null ? '_' : isInline(value) ? formatTensor(value.constant!) : value.name))
    .join(', ');
  const plain: string[] = [];
  const graphs: string[] = [];
  for (const [name, attribute] of [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (attribute.kind === 'graph')
      graphs.push(`${indent}  ${name} =`, ...formatGraph(attribute.value, `${indent}    `));
    else plain.push(`${name}=${formatAttribute(attribute)}`);
  }
  const attributes = plain.length === 0 ? '' : ` {${plain.join(', ')}}`;
  return [`${indent}${results} = ${qualifiedOp(node)}(${operands})${attributes}`, ...graphs];
}

/** A small constant that is shown at its uses instead of on a line of its own. */
function isInline(value: Value): boolean {
  return (
    value.producer === undefined && value.constant !== undefined && value.constant.data.length <= MAX_ELEMENTS
  );
}

function typed(value: Value): string {
  const shape =
    value.shape === undefined ? '[...]' : value.shape.length === 0 ? '' : `[${value.shape.join(',')}]`;
  return `${value.name}: ${value.dtypeIfKnown ?? 'unknown'}${shape}`;
}

function formatInitializer(where: TensorData | ExternalData): string {
  if (isExternal(where)) return `@ ${where.location} + ${where.offset} : ${where.length}`;
  return '{...}';
}

function formatTensor(tensor: TensorData): string {
  const shape = tensor.shape.length === 0 ? '' : `[${tensor.shape.join(',')}]`;
  const elements = tensor.data.length <= MAX_ELEMENTS ? elementsOf(tensor).join(',') : '...';
  return `${tensor.dtype}${shape}{${elements}}`;
}

/** 64-bit integers keep every digit. */
function elementsOf(tensor: TensorData): string[] {
  const { dtype } = tensor;
  if (dtype === 'int64' || dtype === 'uint64')
    return Array.from<number | bigint, string>(tensor.data, String);
  return numbersOf(tensor).map(formatNumber);
}

/** Six significant digits say enough and do not depend on how a float32 prints as a double. */
function formatNumber(value: number): string {
  if (Number.isInteger(value)) return Object.is(value, -0) ? '-0' : String(value);
  return String(Number(value.toPrecision(6)));
}

function formatAttribute(attribute: Exclude<Attribute, { kind: 'graph' }>): string {
  switch (attribute.kind) {
    case 'int':
      return String(attribute.value);
    case 'float':
      return `${formatNumber(attribute.value)}f`;
    case 'string':
      return JSON.stringify(attribute.value);
    case 'ints':
      return `[${attribute.value.join(',')}]`;
    case 'floats':
      return `[${attribute.value.map((value) => `${formatNumber(value)}f`).join(',')}]`;
    case 'strings':
      return JSON.stringify(attribute.value);
    case 'tensor':
      return formatTensor(attribute.value);
  }
}
