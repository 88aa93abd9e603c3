// What a shape rule sees of a node: its inputs' types, its attributes, and one way to complain.
import { DdkError } from '#base';
import { intAttr, intsAttr } from '../attributes.js';
import type { DType } from '../dtype.js';
import { type Attribute, qualifiedOp, type Shape, type Value } from '../ir.js';
import { reader } from '../tensor.js';

/** What is known of a result before it exists. */
export interface ResultType {
  readonly dtype: DType | undefined;
  readonly shape: Shape | undefined;
}

export type Rule = (c: InferenceContext) => ResultType | readonly ResultType[];

export interface NodeFacts {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly (Value | null)[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** How many outputs the node has. */
  readonly outputCount: number;
}

/** An integer input longer than this is data, not a shape, a list of axes or of split sizes. */
const MAX_SHAPE_OPERAND = 65_536;

export class InferenceContext {
  readonly facts: NodeFacts;
  readonly attributes: ReadonlyMap<string, Attribute>;

  constructor(facts: NodeFacts) {
    this.facts = facts;
    this.attributes = facts.attributes;
  }

  optional(index: number): Value | undefined {
    return this.facts.inputs[index] ?? undefined;
  }

  input(index: number): Value {
    return this.optional(index) ?? this.fail(`input ${index} is required`);
  }

  dtype(index: number): DType | undefined {
    return this.input(index).dtypeIfKnown;
  }

  shape(index: number): Shape | undefined {
    return this.input(index).shape;
  }

  /** An integer input's elements where they are known now. */
  ints(index: number): number[] | undefined {
    const constant = this.optional(index)?.constant;
    if (constant === undefined) return undefined;
    if (constant.data.length > MAX_SHAPE_OPERAND) {
      return this.fail(
        `input ${index} has ${constant.data.length} elements where a shape, axes or sizes are expected`,
      );
    }
    const read = reader(constant.dtype);
    return Array.from<number | bigint, number>(constant.data, read);
  }

  /** Axes from the attribute (older operator versions) or from an input; undefined when not given, null when not known. */
  axes(inputIndex: number): readonly number[] | undefined | null {
    const attribute = intsAttr(this.attributes, 'axes');
    if (attribute !== undefined) return attribute;
    if (this.optional(inputIndex) === undefined) return undefined;
    return this.ints(inputIndex) ?? null;
  }

  int(name: string, fallback: number): number {
    return intAttr(this.attributes, name, fallback);
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
    return this.fail(`axis ${axis} is outside a rank of ${rank}`);
  }

  /** @throws DdkError invalid_argument naming the operator and what it was applied to */
  fail(problem: string): never {
    const operands = this.facts.inputs
      .map((value) => (value === null ? '-' : describeValue(value)))
      .join(', ');
    throw new DdkError('invalid_argument', `${qualifiedOp(this.facts)}(${operands}): ${problem}.`);
  }
}

/** `float32[2,batch] "x"` */
function describeValue(value: Value): string {
  const shape = value.shape === undefined ? '[...]' : `[${value.shape.join(',')}]`;
  return `${value.dtypeIfKnown ?? 'unknown'}${shape} "${value.name}"`;
}
