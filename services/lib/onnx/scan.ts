// A first pass over the bytes of an untrusted .onnx file, before anything is allocated for its contents: every length
// lies inside its parent, nesting and counts are bounded, and no field is there that ddk would have to ignore.
import { DdkError } from '#base';

export interface ScanLimits {
  /** Bytes of the whole file. */
  readonly maxBytes: number;
  /** Graphs inside graphs. */
  readonly maxDepth: number;
  /** Nodes, tensors, attributes and other messages together; each becomes an object. */
  readonly maxMessages: number;
  /** Bytes of integers written as lists instead of raw; each integer becomes an object of tens of bytes. */
  readonly maxListBytes: number;
}

/** text: bytes or string; list: one or many integers; number: anything else of fixed size; drop: says nothing about the computation. */
type Field =
  | 'text'
  | 'list'
  | 'number'
  | 'drop'
  | { readonly message: MessageName }
  | { readonly refuse: string };
type MessageName = keyof typeof layout;
type Fields = Readonly<Record<number, Field>>;

const message = (name: string): Field => ({ message: name as MessageName });
const refuse = (what: string): Field => ({ refuse: what });

const layout = {
  ModelProto: {
    ...{ 1: 'number', 2: 'text', 3: 'text', 4: 'text', 5: 'number', 6: 'drop', 7: message('GraphProto') },
    ...{ 8: message('OperatorSetIdProto'), 14: message('StringStringEntryProto') },
    ...{
      20: refuse('training information'),
      25: refuse('model-local functions'),
      26: refuse('device configurations'),
    },
  } as Fields,
  OperatorSetIdProto: { 1: 'text', 2: 'number' } as Fields,
  StringStringEntryProto: { 1: 'text', 2: 'text' } as Fields,
  GraphProto: {
    ...{
      1: message('NodeProto'),
      2: 'text',
      5: message('TensorProto'),
      10: 'drop',
      11: message('ValueInfoProto'),
    },
    ...{
      12: message('ValueInfoProto'),
      13: message('ValueInfoProto'),
      14: refuse('quantization annotations'),
    },
    ...{ 15: refuse('sparse initializers'), 16: 'drop' },
  } as Fields,
  NodeProto: {
    ...{ 1: 'text', 2: 'text', 3: 'text', 4: 'text', 5: message('AttributeProto'), 6: 'drop', 7: 'text' },
    ...{ 8: refuse('overloaded functions'), 9: 'drop', 10: refuse('device configurations') },
  } as Fields,
  AttributeProto: {
    ...{
      1: 'text',
      2: 'number',
      3: 'number',
      4: 'text',
      5: message('TensorProto'),
      6: message('GraphProto'),
    },
    ...{
      7: 'number',
      8: 'list',
      9: 'text',
      10: refuse('lists of tensors'),
      11: refuse('lists of graphs'),
      13: 'drop',
    },
    ...{ 14: refuse('types as attributes'), 15: refuse('types as attributes'), 20: 'number' },
    ...{
      21: refuse('references to attributes of functions'),
      22: refuse('sparse tensors'),
      23: refuse('sparse tensors'),
    },
  } as Fields,
  TensorProto: {
    ...{
      1: 'list',
      2: 'number',
      3: refuse('segmented tensors'),
      4: 'number',
      5: 'list',
      6: 'text',
      7: 'list',
      8: 'text',
    },
    ...{
      9: 'text',
      10: 'number',
      11: 'list',
      12: 'drop',
      13: message('StringStringEntryProto'),
      14: 'number',
      16: 'drop',
    },
  } as Fields,
  ValueInfoProto: { 1: 'text', 2: message('TypeProto'), 3: 'drop', 4: 'drop' } as Fields,
  TypeProto: {
    ...{
      1: message('TypeProtoTensor'),
      4: refuse('sequences'),
      5: refuse('maps'),
      6: 'drop',
      7: refuse('opaque types'),
    },
    ...{ 8: refuse('sparse tensors'), 9: refuse('optional values') },
  } as Fields,
  TypeProtoTensor: { 1: 'number', 2: message('TensorShapeProto') } as Fields,
  TensorShapeProto: { 1: message('Dimension') } as Fields,
  Dimension: { 1: 'number', 2: 'text', 3: 'drop' } as Fields,
};

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** @throws DdkError invalid_argument or unimplemented, with one sentence saying what was found */
export function scanModel(bytes: Uint8Array, limits: ScanLimits): void {
  if (bytes.length > limits.maxBytes) {
    throw new DdkError(
      'invalid_argument',
      `The model file has ${bytes.length} bytes and the limit is ${limits.maxBytes}; keep weights in external data.`,
    );
  }
  new Scanner(bytes, limits).message('ModelProto', 0, bytes.length, 0);
}

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #limits: ScanLimits;
  #messages = 0;
  #listBytes = 0;

  constructor(bytes: Uint8Array, limits: ScanLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** One message in [start, end). Recursion is bounded: only graphs nest, and maxDepth bounds those. */
  message(name: MessageName, start: number, end: number, depth: number): void {
    this.#messages += 1;
    if (this.#messages > this.#limits.maxMessages) {
      throw new DdkError(
        'invalid_argument',
        `The model has more than ${this.#limits.maxMessages} parts; that is more than ddk reads.`,
      );
    }
    const graphs = name === 'GraphProto' ? depth + 1 : depth;
    if (graphs > this.#limits.maxDepth) {
      throw new DdkError(
        'invalid_argument',
        `The model nests graphs more than ${this.#limits.maxDepth} deep.`,
      );
    }
    let at = start;
    while (at < end) {
      const tag = this.#varint(at, end);
      at = this.#field(name, tag.value, tag.next, end, graphs);
    }
  }

  #field(name: MessageName, tag: number, start: number, end: number, depth: number): number {
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    const field = layout[name][number];
    if (field === undefined) {
      throw new DdkError(
        'unimplemented',
        `The file is not an ONNX model or uses a newer format: ${name} has an unknown field ${number}.`,
      );
    }
    if (typeof field === 'object' && 'refuse' in field) {
      throw new DdkError(
        'unimplemented',
        `The model uses ${field.refuse}, which ddk does not support; export it without.`,
      );
    }
    switch (wire) {
      case VARINT:
        this.#require(field === 'number' || field === 'list' || field === 'drop', name, number);
        if (field === 'list') this.#list(1);
        return this.#varint(start, end).next;
      case FIXED64:
      case FIXED32:
        this.#require(field === 'number' || field === 'drop', name, number);
        return this.#within(start + (wire === FIXED64 ? 8 : 4), end);
      case LENGTH_DELIMITED: {
        const length = this.#varint(start, end);
        const last = this.#within(length.next + length.value, end);
        if (typeof field === 'object') this.message(field.message, length.next, last, depth);
        if (field === 'list') this.#list(length.value);
        return last;
      }
      default:
        throw new DdkError(
          'invalid_argument',
          `The file is not an ONNX model: field ${number} of ${name} has wire type ${wire}.`,
        );
    }
  }

  #list(bytes: number): void {
    this.#listBytes += bytes;
    if (this.#listBytes > this.#limits.maxListBytes) {
      throw new DdkError(
        'invalid_argument',
        `The model holds more than ${this.#limits.maxListBytes} bytes of integer lists; export its tensors as raw data.`,
      );
    }
  }

  #require(condition: boolean, name: string, number: number): void {
    if (!condition)
      throw new DdkError(
        'invalid_argument',
        `The file is not an ONNX model: field ${number} of ${name} is malformed.`,
      );
  }

  #within(at: number, end: number): number {
    if (at > end)
      throw new DdkError(
        'invalid_argument',
        'The model file is cut short or damaged: a part is longer than what holds it.',
      );
    return at;
  }

  /** Up to ten bytes. Values past 2^53 lose precision, which no length or tag reaches without failing #within. */
  #varint(start: number, end: number): { value: number; next: number } {
    let value = 0;
    let scale = 1;
    for (let at = start; at < start + 10; at++) {
      this.#within(at + 1, end);
      const byte = this.#bytes[at]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return { value, next: at + 1 };
      scale *= 128;
    }
    throw new DdkError(
      'invalid_argument',
      'The file is not an ONNX model: a number has more than ten bytes.',
    );
  }
}
