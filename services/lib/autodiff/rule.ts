// What a gradient rule is, and what it may return.
import type { Value } from '#onnx';
import type { RuleContext } from './context.js';

/**
 * What an operator's input receives.
 *
 * A value: the gradient, of the input's shape or of one that broadcasts to it, or (for elementwise operators) of the
 * output's shape, in which case the engine sums it down. null: nothing, which is exact, not unknown.
 */
export type Contribution = Value | AfterSum | Into | null;

/** A linear step that is done after the engine has summed the gradient down, when it is cheapest. */
export interface AfterSum {
  readonly kind: 'after_sum';
  readonly value: Value;
  readonly step: (summed: Value) => Value;
}

/** A gradient added into what the input has received already (null: nothing yet); the result has the input's shape. */
export interface Into {
  readonly kind: 'into';
  readonly add: (previous: Value | null) => Value;
}

export type Formula = (context: RuleContext) => Contribution;

/**
 * `formulas`: one formula an input, or one function for operators with any number of inputs. An input without a
 * formula (indices, shapes) is never differentiated; asking for its gradient is refused.
 */
export interface Rule {
  /** Inputs broadcast to the output, so a gradient of the output's shape is summed down by the engine. */
  readonly broadcasts: boolean;
  /** The rule reads the gradients of all outputs; otherwise only the first output may have one. */
  readonly allOutputs: boolean;
  readonly formulas:
    | readonly (Formula | undefined)[]
    | ((context: RuleContext, input: number) => Contribution);
}

type Formulas = Rule['formulas'];
export type RuleTable = Readonly<Record<string, Rule>>;

function table(
  formulas: Readonly<Record<string, Formulas>>,
  broadcasts: boolean,
  allOutputs: boolean,
): RuleTable {
  const entries = Object.entries(formulas);
  return Object.fromEntries(entries.map(([op, own]) => [op, { broadcasts, allOutputs, formulas: own }]));
}

/** Operators whose output is computed element by element from broadcast inputs. */
export function elementwise(formulas: Readonly<Record<string, Formulas>>): RuleTable {
  return table(formulas, true, false);
}

export function structural(formulas: Readonly<Record<string, Formulas>>): RuleTable {
  return table(formulas, false, false);
}

/** Structural operators with several differentiable outputs. */
export function multiOutput(formulas: Readonly<Record<string, Formulas>>): RuleTable {
  return table(formulas, false, true);
}

export function afterSum(value: Value, step: (summed: Value) => Value): AfterSum {
  return { kind: 'after_sum', value, step };
}

export function into(add: (previous: Value | null) => Value): Into {
  return { kind: 'into', add };
}
