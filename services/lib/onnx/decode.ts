// From the bytes of an .onnx file to a model. The bytes are not trusted.
import { DdkError } from '#base';
import {
  type AttributeProto,
  type GraphProto,
  ModelProto,
  type NodeProto,
  AttributeProto_AttributeType as Type,
  type ValueInfoProto,
} from '#proto/onnx/onnx';
import { checkModel } from './check.js';
import { constantOfNode } from './constant-node.js';
import { sortNodes } from './decode-order.js';
import { decodeDType, decodeTensor, MAX_RANK } from './decode-tensor.js';
import type { DType } from './dtype.js';
import type { ResultType } from './infer/context.js';
import { unknownDim } from './infer/dims.js';
import { inferOrDeclared } from './infer/outputs.js';
import {
  type Attribute,
  type Dim,
  type ExternalData,
  type Graph,
  isExternal,
  type Model,
  makeNode,
  type Node,
  type Shape,
  type TensorData,
  Value,
} from './ir.js';
import { type ScanLimits, scanModel } from './scan.js';

export type DecodeOptions = Partial<ScanLimits>;

const defaults: ScanLimits = {
  maxBytes: 2 ** 31 - 1,
  maxDepth: 8,
  maxMessages: 4_000_000,
  maxListBytes: 64 * 2 ** 20,
};

const OLDEST_OPSET = 7;
const NEWEST_OPSET = 26;
const NEWEST_IR = 14;

/**
 * A model from a ModelProto, with the type of every value inferred as far as its operators are known.
 *
 * Graph inputs that have an initializer become initializers. External data is checked for form (relative path below
 * the model's folder, length that fits the shape) and not opened.
 *
 * @throws DdkError invalid_argument, data_loss or unimplemented for anything that cannot be read safely
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): Model {
  scanModel(bytes, { ...defaults, ...options });
  const proto = parse(bytes);
  if (proto.graph === undefined)
    throw new DdkError('invalid_argument', 'The file is not an ONNX model: it holds no graph.');
  if (proto.irVersion < 3n || proto.irVersion > BigInt(NEWEST_IR)) {
    throw new DdkError(
      'unimplemented',
      `The model has IR version ${proto.irVersion}; ddk reads 3 to ${NEWEST_IR}.`,
    );
  }
  const model: Model = {
    opsets: decodeOpsets(proto),
    irVersion: Number(proto.irVersion),
    graph: new GraphDecoder(undefined).decode(proto.graph),
    producer: [proto.producerName, proto.producerVersion].filter((text) => text !== '').join(' '),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key, value])),
  };
  checkModel(model);
  return model;
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return ModelProto.decode(bytes);
  } catch (cause) {
    throw new DdkError(
      'invalid_argument',
      `The file is not an ONNX model: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
}

function decodeOpsets(proto: ModelProto): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of proto.opsetImport)
    opsets.set(domain === 'ai.onnx' ? '' : domain, Number(version));
  const standard = opsets.get('');
  if (standard === undefined)
    throw new DdkError(
      'invalid_argument',
      'The model does not say which version of the standard operators it uses.',
    );
  if (standard < OLDEST_OPSET || standard > NEWEST_OPSET) {
    throw new DdkError(
      'unimplemented',
      `The model uses opset ${standard}; ddk reads ${OLDEST_OPSET} to ${NEWEST_OPSET}. Export it with opset 18.`,
    );
  }
  return opsets;
}

/** One graph. Names are looked up here and then in the graphs around it. */
class GraphDecoder {
  readonly #outer: GraphDecoder | undefined;
  readonly #values = new Map<string, Value>();
  readonly #declared = new Map<string, ResultType>();

  constructor(outer: GraphDecoder | undefined) {
    this.#outer = outer;
  }

  decode(proto: GraphProto): Graph {
    for (const info of [...proto.valueInfo, ...proto.output]) this.#declared.set(info.name, decodeType(info));
    const initializers = this.#initializers(proto);
    const inputs = proto.input
      .filter((info) => !this.#values.has(info.name))
      .map((info) => this.#define(new Value({ name: info.name, ...decodeType(info) })));
    const nodes = sortNodes(proto).map((node) => this.#node(node));
    const outputs = proto.output.map(
      ({ name }) => this.#find(name) ?? fail(`output "${name}" of graph "${proto.name}" is made by no node`),
    );
    return { name: proto.name, inputs, outputs, nodes, initializers };
  }

  #initializers(proto: GraphProto): Map<Value, TensorData | ExternalData> {
    const initializers = new Map<Value, TensorData | ExternalData>();
    for (const tensor of proto.initializer) {
      const { dtype, shape, where } = decodeTensor(tensor, `Initializer "${tensor.name}"`);
      const constant = isExternal(where) ? undefined : where;
      initializers.set(this.#define(new Value({ name: tensor.name, dtype, shape, constant })), where);
    }
    return initializers;
  }

  #node(proto: NodeProto): Node {
    const domain = proto.domain === 'ai.onnx' ? '' : proto.domain;
    const label = `${proto.opType} "${proto.name}"`;
    const inputs = proto.input.map((name) =>
      name === '' ? null : (this.#find(name) ?? fail(`${label} uses "${name}", which nothing makes`)),
    );
    const attributes = new Map(
      proto.attribute.map((attribute) => [attribute.name, this.#attribute(attribute, label)]),
    );
    const facts = { op: proto.opType, domain, inputs, attributes, outputCount: proto.output.length };
    const declared = proto.output.map((name) => this.#declared.get(name));
    const types = inferOrDeclared(facts, declared);
    const outputs = proto.output.map((name, i) => {
      const constant = constantOfNode(facts);
      const value = new Value({ name, ...types[i]!, constant });
      return name === '' ? value : this.#define(value);
    });
    return makeNode({ op: proto.opType, domain, name: proto.name, inputs, outputs, attributes });
  }

  #attribute(proto: AttributeProto, label: string): Attribute {
    const what = `Attribute ${proto.name} of ${label}`;
    switch (proto.type) {
      case Type.INT:
        return { kind: 'int', value: safeInteger(proto.i, what) };
      case Type.FLOAT:
        return { kind: 'float', value: proto.f };
      case Type.STRING:
        return { kind: 'string', value: proto.s.toString('utf8') };
      case Type.INTS:
        return { kind: 'ints', value: proto.ints.map((item) => safeInteger(item, what)) };
      case Type.FLOATS:
        return { kind: 'floats', value: proto.floats };
      case Type.STRINGS:
        return { kind: 'strings', value: proto.strings.map((item) => item.toString('utf8')) };
      case Type.TENSOR: {
        const { where } = decodeTensor(proto.t ?? fail(`${what} holds no tensor`), what);
        if (isExternal(where)) return fail(`${what} lies in another file, which only initializers may`);
        return { kind: 'tensor', value: where };
      }
      case Type.GRAPH:
        return {
          kind: 'graph',
          value: new GraphDecoder(this).decode(proto.g ?? fail(`${what} holds no graph`)),
        };
      case Type.UNDEFINED:
      case Type.TENSORS:
      case Type.GRAPHS:
      case Type.SPARSE_TENSOR:
      case Type.SPARSE_TENSORS:
      case Type.TYPE_PROTO:
      case Type.TYPE_PROTOS:
        throw new DdkError(
          'unimplemented',
          `${what} is of a kind (number ${proto.type}) that ddk does not support.`,
        );
      default:
        return fail(`${what} is of an unknown kind, number ${Number(proto.type)}`);
    }
  }

  #find(name: string): Value | undefined {
    const own = this.#values.get(name);
    return own !== undefined || this.#outer === undefined ? own : this.#outer.#find(name);
  }

  #define(value: Value): Value {
    if (value.name === '') fail('a value has no name');
    if (this.#find(value.name) !== undefined) fail(`two values have the name "${value.name}"`);
    this.#values.set(value.name, value);
    return value;
  }
}

function decodeType(info: ValueInfoProto): { dtype: DType | undefined; shape: Shape | undefined } {
  const type = info.type?.value;
  if (type === undefined) return { dtype: undefined, shape: undefined };
  if (type.$case !== 'tensorType')
    throw new DdkError('unimplemented', `Value "${info.name}" is not a tensor; ddk carries tensors only.`);
  const what = `Value "${info.name}"`;
  const dims = type.value.shape?.dim;
  if (dims !== undefined && dims.length > MAX_RANK) fail(`${what} has ${dims.length} dimensions`);
  const shape = dims?.map(({ value }): Dim => {
    if (value === undefined) return unknownDim;
    if (value.$case === 'dimParam') return value.value === '' ? unknownDim : value.value;
    const size = safeInteger(value.value, what);
    return size < 0 ? fail(`${what} has a dimension of ${size}`) : size;
  });
  return { dtype: type.value.elemType === 0 ? undefined : decodeDType(type.value.elemType, what), shape };
}

function safeInteger(value: bigint, what: string): number {
  if (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER))
    return Number(value);
  throw new DdkError('unimplemented', `${what} holds ${value}, which is past 2^53.`);
}

function fail(problem: string): never {
  throw new DdkError('invalid_argument', `The model is not well formed: ${problem}.`);
}
