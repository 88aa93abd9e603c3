// The table of shape rules, and the one function that applies it.
import { DdkError } from '#base';
import { qualifiedOp } from '../ir.js';
import { InferenceContext, type NodeFacts, type ResultType, type Rule } from './context.js';
import { mergeShapes } from './dims.js';
import { elementwiseRules } from './elementwise.js';
import { generatorRules } from './generators.js';
import { indexingRules } from './indexing.js';
import { matrixRules } from './matrix.js';
import { movementRules } from './movement.js';
import { reductionRules } from './reduction.js';

const table: ReadonlyMap<string, Rule> = new Map(
  [elementwiseRules, matrixRules, movementRules, indexingRules, reductionRules, generatorRules].flatMap(
    (rules) => Object.entries(rules),
  ),
);

/** Operators that {@link inferOutputs} knows; those outside the standard domain with their domain in front. */
export function knownOperators(): readonly string[] {
  return [...table.keys()].sort();
}

function isKnownOperator(node: Pick<NodeFacts, 'op' | 'domain'>): boolean {
  return table.has(qualifiedOp(node));
}

/**
 * Element types and shapes of a node's outputs, from its inputs and attributes.
 *
 * @throws DdkError unimplemented for an operator without a rule; invalid_argument where the inputs do not fit
 */
export function inferOutputs(facts: NodeFacts): readonly ResultType[] {
  const rule = table.get(qualifiedOp(facts));
  if (rule === undefined) {
    throw new DdkError('unimplemented', `Operator ${qualifiedOp(facts)} is not known to shape inference.`, {
      reason: 'UNKNOWN_OPERATOR',
    });
  }
  const context = new InferenceContext(facts);
  const result = rule(context);
  const results = isList(result) ? result : [result];
  if (facts.outputCount > results.length) {
    return context.fail(`there are at most ${results.length} outputs, not ${facts.outputCount}`);
  }
  return results.slice(0, facts.outputCount);
}

function isList(result: ResultType | readonly ResultType[]): result is readonly ResultType[] {
  return Array.isArray(result);
}

/**
 * What inference finds, completed by what the file declares. An operator without a rule keeps its declared types, and
 * has none where the file declares none.
 */
export function inferOrDeclared(
  facts: NodeFacts,
  declared: readonly (ResultType | undefined)[],
): readonly ResultType[] {
  const nothing: ResultType = { dtype: undefined, shape: undefined };
  if (!isKnownOperator(facts)) return declared.map((type) => type ?? nothing);
  return inferOutputs(facts).map(({ dtype, shape }, i) => ({
    dtype: dtype ?? declared[i]?.dtype,
    shape: mergeShapes(shape, declared[i]?.shape),
  }));
}
