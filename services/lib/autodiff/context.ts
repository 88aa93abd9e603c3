// What a rule sees of its node: inputs, outputs, gradients of the outputs, attributes, and the builder to emit with.
import { assert } from '#base';
import { type GraphBuilder, intAttr, type Node, numbersOf, stringAttr, type Value } from '#onnx';
import { frontAxis, product, staticShape } from './shapes.js';
import { alignRank, grow } from './unbroadcast.js';

export interface RuleInput {
  readonly builder: GraphBuilder;
  readonly node: Node;
  /** By output; null where nothing flows back. */
  readonly gradients: readonly (Value | null)[];
  readonly needs: readonly boolean[];
  /** Whether somebody asked for the gradient of this very value. */
  readonly isTarget: (value: Value) => boolean;
  /** Ends the walk with an error that names the operator and the path to it. */
  readonly refuse: (why: string) => never;
}

/** The short names are the vocabulary of the rules: `({ e, g, w }) => e.mul(g, w)`. */
export class RuleContext {
  /** Emits nodes. */
  readonly e: GraphBuilder;
  readonly node: Node;
  /** Gradients of all outputs. */
  readonly gradients: readonly (Value | null)[];
  /** Which inputs want a gradient. */
  readonly needs: readonly boolean[];
  readonly isTarget: (value: Value) => boolean;
  readonly refuse: (why: string) => never;
  readonly #shared = new Map<string, unknown>();

  constructor(input: RuleInput) {
    this.e = input.builder;
    this.node = input.node;
    this.gradients = input.gradients;
    this.needs = input.needs;
    this.isTarget = input.isTarget;
    this.refuse = input.refuse;
  }

  /** Gradient of the first output, perhaps held in a smaller tensor that broadcasts to the output. */
  get g(): Value {
    const first = this.gradients[0];
    assert(first, `${this.node.op} is differentiated without a gradient of its first output`);
    return first;
  }

  /** Gradient of the first output in the output's shape. */
  get whole(): Value {
    return this.once('whole', () => grow(this.e, this.g, this.yShape));
  }

  /** Gradient of the first output with the output's number of axes, some of them perhaps of size 1. */
  get aligned(): Value {
    return this.once('aligned', () => alignRank(this.e, this.g, this.yShape.length));
  }

  /** The gradient where one number stands for every element, which it does in any shape. */
  get uniform(): Value | undefined {
    return product(staticShape(this.g)) === 1 ? this.g : undefined;
  }

  /** First input. */
  get x(): Value {
    return this.input(0);
  }

  /** Second input. */
  get w(): Value {
    return this.input(1);
  }

  /** First output. */
  get y(): Value {
    return this.output(0);
  }

  get xShape(): readonly number[] {
    return staticShape(this.x);
  }

  get yShape(): readonly number[] {
    return staticShape(this.y);
  }

  input(index: number): Value {
    const value = this.node.inputs[index];
    return value ?? this.refuse(`its input ${index} is missing`);
  }

  output(index: number): Value {
    const value = this.node.outputs[index];
    assert(value, `${this.node.op} has no output ${index}`);
    return value;
  }

  /** Made at the first call and shared between the inputs' formulas. */
  once<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  int(name: string, fallback: number): number {
    return intAttr(this.node.attributes, name, fallback);
  }

  string(name: string, fallback: string): string {
    return stringAttr(this.node.attributes, name, fallback);
  }

  /** The attribute `axis`, counted from the front of `rank` axes. */
  axis(fallback: number, rank: number): number {
    return frontAxis(this.int('axis', fallback), rank);
  }

  /** The integers of an input that must be constant; undefined when the input is not given. */
  constantInts(index: number, what: string): readonly number[] | undefined {
    const value = this.node.inputs[index] ?? null;
    if (value === null || value.name === '') return undefined;
    if (value.constant === undefined) {
      return this.refuse(`its ${what} ("${value.name}") is computed; fold it to a constant first`);
    }
    return numbersOf(value.constant);
  }
}
