// Attributes of nodes: from the short form used when building, and typed access when reading.
import { DdkError } from '#base';
import type { Attribute, Graph, TensorData } from './ir.js';

/** number -> int, {float} -> float, string, number[] -> ints, {floats}, {strings}, a tensor, {graph}. undefined is left out. */
export type AttrInput =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly graph: Graph }
  | TensorData
  | undefined;

export type Attrs = Readonly<Record<string, AttrInput>>;

export function attributesFrom(op: string, attrs: Attrs): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  for (const [name, input] of Object.entries(attrs)) {
    const attribute = attributeFrom(op, name, input);
    if (attribute !== undefined) attributes.set(name, attribute);
  }
  return attributes;
}

function attributeFrom(op: string, name: string, input: AttrInput): Attribute | undefined {
  if (input === undefined) return undefined;
  if (typeof input === 'string') return { kind: 'string', value: input };
  if (typeof input === 'number') return { kind: 'int', value: checkedInt(op, name, input) };
  if (isNumbers(input)) return { kind: 'ints', value: input.map((item) => checkedInt(op, name, item)) };
  if ('float' in input) return { kind: 'float', value: input.float };
  if ('floats' in input) return { kind: 'floats', value: [...input.floats] };
  if ('strings' in input) return { kind: 'strings', value: [...input.strings] };
  if ('graph' in input) return { kind: 'graph', value: input.graph };
  return { kind: 'tensor', value: input };
}

function isNumbers(input: AttrInput): input is readonly number[] {
  return Array.isArray(input);
}

function checkedInt(op: string, name: string, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new DdkError(
    'invalid_argument',
    `Attribute ${name} of ${op} is ${value}; it must be an integer (write {float: ${value}} for a real number).`,
  );
}

type Attributes = ReadonlyMap<string, Attribute>;
type Kind = Attribute['kind'];
type OfKind<K extends Kind> = Extract<Attribute, { readonly kind: K }>;

function isKind<K extends Kind>(attribute: Attribute, kind: K): attribute is OfKind<K> {
  return attribute.kind === kind;
}

/** @throws DdkError invalid_argument when the attribute is there but of another kind */
function find<K extends Kind>(attributes: Attributes, name: string, kind: K): OfKind<K> | undefined {
  const attribute = attributes.get(name);
  if (attribute === undefined) return undefined;
  if (isKind(attribute, kind)) return attribute;
  throw new DdkError('invalid_argument', `Attribute ${name} is of kind ${attribute.kind}, not ${kind}.`);
}

export function intAttr(attributes: Attributes, name: string, fallback: number): number;
export function intAttr(attributes: Attributes, name: string): number | undefined;
export function intAttr(attributes: Attributes, name: string, fallback?: number): number | undefined {
  return find(attributes, name, 'int')?.value ?? fallback;
}

export function floatAttr(attributes: Attributes, name: string, fallback: number): number {
  return find(attributes, name, 'float')?.value ?? fallback;
}

export function stringAttr(attributes: Attributes, name: string, fallback: string): string {
  return find(attributes, name, 'string')?.value ?? fallback;
}

export function intsAttr(attributes: Attributes, name: string): readonly number[] | undefined {
  return find(attributes, name, 'ints')?.value;
}

export function floatsAttr(attributes: Attributes, name: string): readonly number[] | undefined {
  return find(attributes, name, 'floats')?.value;
}

export function tensorAttr(attributes: Attributes, name: string): TensorData | undefined {
  return find(attributes, name, 'tensor')?.value;
}

export function graphAttr(attributes: Attributes, name: string): Graph | undefined {
  return find(attributes, name, 'graph')?.value;
}
