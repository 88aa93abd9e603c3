// Building a graph node by node: types are inferred and mistakes reported at the call that makes them.
import { DdkError } from '#base';
import { type Attrs, attributesFrom } from './attributes.js';
import { checkModel } from './check.js';
import { constantOfNode } from './constant-node.js';
import type { DType } from './dtype.js';
import type { NodeFacts, ResultType } from './infer/context.js';
import { inferOrDeclared, inferOutputs } from './infer/outputs.js';
import {
  type ExternalData,
  type Graph,
  type Model,
  makeNode,
  type Node,
  type Shape,
  type TensorData,
  Value,
} from './ir.js';
import { Names } from './names.js';
import { contentKey, elementCount, intsTensor, scalarTensor } from './tensor.js';

export interface OpOptions {
  /** Operator domain; empty for the standard one. */
  readonly domain?: string;
  /** Base of the output's name; the operator's name unless given. */
  readonly name?: string;
}

export interface GraphBuilderOptions {
  /** Version of the standard operator set, 13 to 26. 18 unless given: every operator ddk emits has a CPU and a CUDA kernel there. */
  readonly opset?: number;
  readonly parent?: GraphCore;
}

/** IR version 8 came with opset 15 to 18 and is read by every ONNX Runtime since 1.10. */
const IR_VERSION = 8;

export class GraphCore {
  readonly name: string;
  readonly opset: number;
  readonly #parent: GraphCore | undefined;
  readonly #names: Names;
  readonly #scope: string[] = [];
  readonly #nodes: Node[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #initializers = new Map<Value, TensorData | ExternalData>();
  readonly #constants = new Map<string, Value>();
  readonly #own = new Set<Value>();

  constructor(name: string, options: GraphBuilderOptions = {}) {
    this.name = name;
    this.#parent = options.parent;
    this.opset = options.parent?.opset ?? options.opset ?? 18;
    this.#names = options.parent === undefined ? new Names() : options.parent.#names;
    if (!Number.isInteger(this.opset) || this.opset < 13 || this.opset > 26) {
      throw new DdkError('invalid_argument', `Opset ${this.opset} is not supported; use 13 to 26.`);
    }
  }

  /** Nodes so far, in topological order. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  input(name: string, dtype: DType, shape: Shape): Value {
    const value = this.#adopt(new Value({ name: this.#reserve(name, 'input'), dtype, shape: [...shape] }));
    this.#inputs.push(value);
    return value;
  }

  /** Makes `value` a result of the graph under `name`; an Identity node where it cannot be renamed itself. */
  output(name: string, value: Value): void {
    this.#requireKnown(value, 'output');
    const renamable = value.producer !== undefined && this.#own.has(value) && !this.#outputs.includes(value);
    if (!renamable) {
      this.output(name, this.op('Identity', [value]));
      return;
    }
    if (value.name !== name) value.name = this.#reserve(name, 'output');
    this.#outputs.push(value);
  }

  /** A tensor in the model file. Equal contents give the same value, unless named. */
  constant(data: TensorData, name?: string): Value {
    if (name !== undefined) return this.#constant(data, this.#claim(name, 'initializer'));
    const key = contentKey(data);
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value = this.#constant(data, this.#names.fresh('const'));
    this.#constants.set(key, value);
    return value;
  }

  /** A weight whose bytes lie in another file. */
  initializer(name: string, dtype: DType, shape: readonly number[], where: ExternalData): Value {
    elementCount(shape);
    const value = this.#adopt(
      new Value({ name: this.#claim(name, 'initializer'), dtype, shape: [...shape] }),
    );
    this.#initializers.set(value, where);
    return value;
  }

  scalar(value: number, dtype: DType = 'float32'): Value {
    return this.constant(scalarTensor(dtype, value));
  }

  scalarLike(value: number, like: Value): Value {
    return this.scalar(value, like.dtype);
  }

  /** int64 [n] */
  ints(values: readonly number[]): Value {
    return this.constant(intsTensor(values));
  }

  /** @throws DdkError naming the operator, its operands' types and shapes, and what does not fit */
  op(type: string, inputs: readonly (Value | null)[], attrs: Attrs = {}, options: OpOptions = {}): Value {
    return this.ops(type, inputs, 1, attrs, options)[0]!;
  }

  ops(
    type: string,
    inputs: readonly (Value | null)[],
    outputs: number,
    attrs: Attrs = {},
    options: OpOptions = {},
  ): Value[] {
    const facts = {
      op: type,
      domain: options.domain ?? '',
      inputs: [...inputs],
      attributes: attributesFrom(type, attrs),
    };
    return this.emit({ ...facts, outputCount: outputs }, options.name);
  }

  /**
   * Like {@link ops}, from attributes as a node holds them. With `declared` types an operator that inference does not
   * know is accepted as it is.
   */
  emit(facts: NodeFacts, name?: string, declared?: readonly ResultType[]): Value[] {
    for (const input of facts.inputs) if (input !== null) this.#requireKnown(input, facts.op);
    const types = declared === undefined ? inferOutputs(facts) : inferOrDeclared(facts, declared);
    const base = [...this.#scope, name ?? facts.op].join('/');
    const constant = constantOfNode(facts);
    const values = types.map(({ dtype, shape }, i) => {
      const unique = this.#names.fresh(i === 0 ? base : `${base}.${i}`);
      const value = this.#adopt(new Value({ name: unique, dtype, shape, constant }));
      this.#names.yields(value);
      return value;
    });
    const { outputCount: _, ...parts } = facts;
    this.#nodes.push(makeNode({ ...parts, name: values[0]?.name ?? base, outputs: values }));
    return values;
  }

  /** Values and nodes made by `body` have `name/` in front of their names. */
  scope<T>(name: string, body: () => T): T {
    this.#scope.push(name);
    try {
      return body();
    } finally {
      this.#scope.pop();
    }
  }

  /** What was built, as the body of a Loop, If or Scan: `{ graph: body.graph() }`. */
  graph(): Graph {
    if (this.#outputs.length === 0) {
      throw new DdkError(
        'failed_precondition',
        `Graph "${this.name}" declares no output; call output() before building it.`,
      );
    }
    return {
      name: this.name,
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
      nodes: [...this.#nodes],
      initializers: new Map(this.#initializers),
    };
  }

  build(): Model {
    if (this.#parent !== undefined) {
      throw new DdkError(
        'failed_precondition',
        `"${this.name}" is a subgraph; use graph() and build the outermost graph.`,
      );
    }
    const opsets = new Map([['', this.opset]]);
    for (const node of allNodes(this.#nodes)) if (node.domain !== '') opsets.set(node.domain, 1);
    const model: Model = {
      opsets,
      irVersion: IR_VERSION,
      graph: this.graph(),
      producer: 'ddk',
      metadata: new Map(),
    };
    checkModel(model);
    return model;
  }

  /** A body's inputs and outputs go by position, so their names only have to be unique and readable. */
  #reserve(name: string, what: string): string {
    if (this.#parent !== undefined) return this.#names.fresh(`${this.name}/${name}`);
    return this.#claim(name, what);
  }

  #claim(name: string, what: string): string {
    this.#names.claim(name, what);
    return name;
  }

  #constant(data: TensorData, name: string): Value {
    const value = this.#adopt(new Value({ name, dtype: data.dtype, shape: data.shape, constant: data }));
    this.#initializers.set(value, data);
    return value;
  }

  #adopt(value: Value): Value {
    this.#own.add(value);
    return value;
  }

  #knows(value: Value): boolean {
    let graph: GraphCore | undefined = this;
    while (graph !== undefined && !graph.#own.has(value)) graph = graph.#parent;
    return graph !== undefined;
  }

  #requireKnown(value: Value, user: string): void {
    if (this.#knows(value)) return;
    throw new DdkError(
      'invalid_argument',
      `Value "${value.name}" used by ${user} belongs to another graph than "${this.name}".`,
    );
  }
}

function* allNodes(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph') yield* allNodes(attribute.value.nodes);
    }
  }
}
