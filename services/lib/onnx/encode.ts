// From a model to the bytes of an .onnx file.

import { DdkError } from '#base';
import {
  type AttributeProto,
  type GraphProto,
  TensorProto_DataLocation as Location,
  ModelProto,
  type NodeProto,
  type StringStringEntryProto,
  type TensorProto,
  AttributeProto_AttributeType as Type,
  type ValueInfoProto,
} from '#proto/onnx/onnx';
import { bytesOf, dtypeCode } from './dtype.js';
import { unknownDim } from './infer/dims.js';
import {
  type Attribute,
  type ExternalData,
  type Graph,
  isExternal,
  type Model,
  type Node,
  type TensorData,
  type Value,
} from './ir.js';

/** Protobuf messages, ONNX Runtime and Node's file functions all stop at 2 GiB. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;
const NO_BYTES = Buffer.alloc(0);

/**
 * The model as a ModelProto. Raw little-endian tensors; initializers that lie in other files stay there.
 *
 * @throws DdkError invalid_argument when the tensors inside pass 2 GiB (write them beside the model with writeModel)
 */
export function encodeModel(model: Model): Uint8Array {
  const inside = innerBytes(model.graph);
  if (inside > MAX_MODEL_BYTES) {
    throw new DdkError(
      'invalid_argument',
      `The model holds ${inside} bytes of tensors and a file may hold ${MAX_MODEL_BYTES}; write it with external data.`,
    );
  }
  return ModelProto.encode({
    irVersion: BigInt(model.irVersion),
    producerName: model.producer,
    producerVersion: '',
    domain: '',
    modelVersion: 0n,
    graph: encodeGraph(model.graph),
    opsetImport: [...model.opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    metadataProps: entries(model.metadata),
    trainingInfo: [],
    functions: [],
    configuration: [],
  }).finish();
}

function innerBytes(graph: Graph): number {
  let bytes = 0;
  for (const where of graph.initializers.values()) if (!isExternal(where)) bytes += where.data.byteLength;
  for (const node of graph.nodes) {
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'tensor') bytes += attribute.value.data.byteLength;
      if (attribute.kind === 'graph') bytes += innerBytes(attribute.value);
    }
  }
  return bytes;
}

function encodeGraph(graph: Graph): GraphProto {
  const outputs = new Set(graph.outputs);
  const between = graph.nodes.flatMap((node) =>
    node.outputs.filter((v) => v.name !== '' && v.dtypeIfKnown !== undefined && !outputs.has(v)),
  );
  return {
    node: graph.nodes.map(encodeNode),
    name: graph.name,
    initializer: [...graph.initializers].map(([value, where]) => encodeInitializer(value, where)),
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    valueInfo: between.map(encodeValueInfo),
    quantizationAnnotation: [],
    sparseInitializer: [],
    metadataProps: [],
  };
}

function encodeNode(node: Node): NodeProto {
  return {
    input: node.inputs.map((value) => value?.name ?? ''),
    output: node.outputs.map((value) => value.name),
    name: node.name,
    opType: node.op,
    attribute: [...node.attributes].map(([name, attribute]) => encodeAttribute(name, attribute)),
    domain: node.domain,
    overload: '',
    metadataProps: [],
  };
}

function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  const proto: AttributeProto = {
    name,
    f: 0,
    i: 0n,
    s: NO_BYTES,
    t: undefined,
    g: undefined,
    floats: [],
    ints: [],
    strings: [],
    type: Type.UNDEFINED,
    refAttrName: '',
  };
  switch (attribute.kind) {
    case 'int':
      return { ...proto, type: Type.INT, i: BigInt(attribute.value) };
    case 'float':
      return { ...proto, type: Type.FLOAT, f: attribute.value };
    case 'string':
      return { ...proto, type: Type.STRING, s: Buffer.from(attribute.value) };
    case 'tensor':
      return { ...proto, type: Type.TENSOR, t: encodeTensor('', attribute.value) };
    case 'graph':
      return { ...proto, type: Type.GRAPH, g: encodeGraph(attribute.value) };
    case 'ints':
      return { ...proto, type: Type.INTS, ints: attribute.value.map(BigInt) };
    case 'floats':
      return { ...proto, type: Type.FLOATS, floats: [...attribute.value] };
    case 'strings':
      return { ...proto, type: Type.STRINGS, strings: attribute.value.map((text) => Buffer.from(text)) };
  }
}

const emptyTensor: TensorProto = {
  dims: [],
  dataType: 0,
  segment: undefined,
  floatData: [],
  int32Data: [],
  stringData: [],
  int64Data: [],
  name: '',
  rawData: NO_BYTES,
  doubleData: [],
  uint64Data: [],
  externalData: [],
  dataLocation: Location.DEFAULT,
};

function encodeTensor(name: string, { dtype, shape, data }: TensorData): TensorProto {
  const bytes = bytesOf(data);
  return {
    ...emptyTensor,
    name,
    dims: shape.map(BigInt),
    dataType: dtypeCode(dtype),
    rawData: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  };
}

function encodeInitializer(value: Value, where: TensorData | ExternalData): TensorProto {
  if (!isExternal(where)) return encodeTensor(value.name, where);
  const facts = { location: where.location, offset: String(where.offset), length: String(where.length) };
  return {
    ...emptyTensor,
    name: value.name,
    dims: (value.shape ?? []).map((dim) => BigInt(dim)),
    dataType: dtypeCode(value.dtype),
    externalData: entries(new Map(Object.entries(facts))),
    dataLocation: Location.EXTERNAL,
  };
}

function encodeValueInfo(value: Value): ValueInfoProto {
  const dtype = value.dtypeIfKnown;
  if (dtype === undefined) return { name: value.name, type: undefined };
  const shape = value.shape && {
    dim: value.shape.map((dim) => {
      if (typeof dim === 'number') return { value: { $case: 'dimValue', value: BigInt(dim) } as const };
      return dim === unknownDim
        ? { value: undefined }
        : { value: { $case: 'dimParam', value: dim } as const };
    }),
  };
  return {
    name: value.name,
    type: { value: { $case: 'tensorType', value: { elemType: dtypeCode(dtype), shape } } },
  };
}

function entries(map: ReadonlyMap<string, string>): StringStringEntryProto[] {
  return [...map].map(([key, value]) => ({ key, value }));
}
