// Reverse mode: walks the nodes built so far backwards and emits, into the same builder, the nodes that compute gradients.
//
// What every rule would otherwise have to do is done here, once: pruning to the nodes between `wrt` and the seeds,
// summing what a value receives from several consumers, and summing down what was broadcast.
import { assert, DdkError } from '#base';
import { type GraphBuilder, isFloating, type Node, qualifiedOp, usedValues, type Value } from '#onnx';
import { RuleContext } from './context.js';
import { pathTo } from './path.js';
import type { Contribution, Rule } from './rule.js';
import { broadcastShape, staticShape } from './shapes.js';
import { treatmentOf } from './table.js';
import { grow, unbroadcast } from './unbroadcast.js';

export interface Seed {
  readonly value: Value;
  /** The gradient that `value` starts with: of its shape, or of one that broadcasts to it. */
  readonly gradient: Value;
}

export interface GradientOptions {
  /** A scalar loss has the one seed { value: loss, gradient: 1 }. */
  readonly seeds: readonly Seed[];
  /** What to differentiate with respect to: floating-point values anywhere in the graph. */
  readonly wrt: readonly Value[];
}

/**
 * One gradient for each of `wrt`, of its shape and type; null where no path leads from it to a seed, so that it is zero.
 *
 * Only nodes of `b` are walked: for the body of a Loop, a value of the graph around it is an input like any other.
 *
 * @throws DdkError invalid_argument for a seed or target that is not floating-point, or a seed of the wrong shape or type
 * @throws DdkError failed_precondition (SHAPE_NOT_STATIC) where a shape on the path is not static
 * @throws DdkError unimplemented (OPERATOR_NOT_DIFFERENTIABLE) naming an operator without a rule and the path to it
 */
export function gradients(b: GraphBuilder, options: GradientOptions): (Value | null)[] {
  for (const value of options.wrt) requireFloating(value, 'A gradient can be taken with respect to');
  const nodes = [...b.nodes];
  const varying = varyingValues(nodes, options.wrt);
  const walk = new Walk(b, varying, options);
  b.scope('gradient', () => {
    for (const node of nodes.reverse()) walk.visit(node);
  });
  return options.wrt.map((value) => walk.result(value));
}

function requireFloating(value: Value, sentence: string): void {
  if (value.dtypeIfKnown !== undefined && isFloating(value.dtypeIfKnown)) return;
  const dtype = value.dtypeIfKnown ?? 'of unknown type';
  throw new DdkError(
    'invalid_argument',
    `${sentence} floating-point values only; "${value.name}" is ${dtype}.`,
  );
}

/** The values that vary with one of `wrt`. */
function varyingValues(nodes: readonly Node[], wrt: readonly Value[]): ReadonlySet<Value> {
  const varying = new Set(wrt);
  for (const node of nodes) {
    if (!usedValues(node).some((value) => varying.has(value))) continue;
    if (treatmentOf(node).kind === 'constant') continue;
    for (const output of node.outputs) {
      if (output.dtypeIfKnown === undefined || isFloating(output.dtypeIfKnown)) varying.add(output);
    }
  }
  return varying;
}

class Walk {
  readonly #builder: GraphBuilder;
  readonly #varying: ReadonlySet<Value>;
  readonly #targets: ReadonlySet<Value>;
  readonly #received = new Map<Value, Value>();
  /** The node through which a value first received a gradient. */
  readonly #consumers = new Map<Value, Node>();

  constructor(builder: GraphBuilder, varying: ReadonlySet<Value>, { seeds, wrt }: GradientOptions) {
    this.#targets = new Set(wrt);
    this.#builder = builder;
    this.#varying = varying;
    for (const seed of seeds) this.#plant(seed);
  }

  /** The whole gradient of a value, or null. */
  result(value: Value): Value | null {
    const gradient = this.#received.get(value);
    return gradient === undefined ? null : grow(this.#builder, gradient, staticShape(value));
  }

  visit(node: Node): void {
    const gradients = node.outputs.map((output) => this.#received.get(output) ?? null);
    const needs = node.inputs.map((input) => input !== null && this.#varying.has(input));
    if (gradients.every((gradient) => gradient === null)) return;
    if (!usedValues(node).some((value) => this.#varying.has(value))) return;
    const refuse = (why: string): never => this.#refuse(node, why);
    const isTarget = (value: Value) => this.#targets.has(value);
    const treatment = treatmentOf(node);
    switch (treatment.kind) {
      case 'constant':
        return;
      case 'unknown':
        refuse('there is no gradient rule for it');
        return;
      case 'rule':
        this.#apply(
          treatment.rule,
          new RuleContext({ builder: this.#builder, node, gradients, needs, isTarget, refuse }),
        );
    }
  }

  #apply(rule: Rule, context: RuleContext): void {
    const { node, gradients, needs, refuse } = context;
    const other = gradients.findIndex((gradient, index) => index > 0 && gradient !== null);
    if (other > 0 && !rule.allOutputs)
      refuse(`its rule covers the first output only, and output ${other} is used`);
    for (const [index, input] of node.inputs.entries()) {
      if (input === null || !needs[index]) continue;
      this.#receive(node, input, rule, contributionOf(rule, context, index));
    }
  }

  #plant({ value, gradient }: Seed): void {
    requireFloating(value, 'A gradient can start from');
    if (gradient.dtype !== value.dtype || !broadcastsTo(gradient, value)) {
      throw new DdkError(
        'invalid_argument',
        `The seed of "${value.name}" is ${gradient.dtype} [${gradient.shape}]; it must be ${value.dtype} and broadcast to [${value.shape}].`,
      );
    }
    if (this.#varying.has(value)) this.#add(value, gradient);
  }

  #receive(node: Node, input: Value, rule: Rule, contribution: Contribution): void {
    if (contribution === null) return;
    if (!this.#consumers.has(input)) this.#consumers.set(input, node);
    if (!('kind' in contribution)) {
      this.#add(input, this.#summed(node, input, rule, contribution));
      return;
    }
    switch (contribution.kind) {
      case 'after_sum':
        this.#add(input, contribution.step(this.#summed(node, input, rule, contribution.value)));
        return;
      case 'into':
        this.#received.set(input, contribution.add(this.result(input)));
        return;
    }
  }

  /** A contribution summed over the axes along which `input` was broadcast. */
  #summed(node: Node, input: Value, rule: Rule, value: Value): Value {
    const target = staticShape(input);
    const output = rule.broadcasts ? staticShape(node.outputs[0]!) : target;
    return unbroadcast(this.#builder, value, broadcastShape(staticShape(value), output), target);
  }

  #add(value: Value, gradient: Value): void {
    assert(
      gradient.dtype === value.dtype,
      `gradient of ${value.name} is ${gradient.dtype}, not ${value.dtype}`,
    );
    const previous = this.#received.get(value);
    this.#received.set(value, previous === undefined ? gradient : this.#builder.add(previous, gradient));
  }

  #refuse(node: Node, why: string): never {
    throw new DdkError(
      'unimplemented',
      `Operator ${qualifiedOp(node)} cannot be differentiated: ${why}. The path to it: ${pathTo(node, this.#received, this.#consumers)}.`,
      { reason: 'OPERATOR_NOT_DIFFERENTIABLE' },
    );
  }
}

function contributionOf(rule: Rule, context: RuleContext, index: number): Contribution {
  const { formulas } = rule;
  if (typeof formulas === 'function') return formulas(context, index);
  const formula = formulas[index];
  return formula === undefined ? context.refuse(`there is no rule for its input ${index}`) : formula(context);
}

function broadcastsTo(gradient: Value, value: Value): boolean {
  const from = staticShape(gradient);
  const to = staticShape(value);
  const fits = from.every((dim, axis) => dim === 1 || dim === to[axis + to.length - from.length]);
  return from.length <= to.length && fits;
}
