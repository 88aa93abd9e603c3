// The table of rules, and the operators that have no gradient by nature.
import { type Node, qualifiedOp } from '#onnx';
import type { Rule } from './rule.js';
import { elementwiseRules } from './rules/elementwise.js';
import { indexingRules } from './rules/indexing.js';
import { matmulRules } from './rules/matmul.js';
import { movementRules } from './rules/movement.js';
import { normalisationRules } from './rules/normalisation.js';
import { reductionRules } from './rules/reductions.js';
import { rotationRules } from './rules/rotation.js';

const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    ...elementwiseRules,
    ...matmulRules,
    ...reductionRules,
    ...movementRules,
    ...indexingRules,
    ...normalisationRules,
    ...rotationRules,
  }),
);

/** Their outputs do not vary with their inputs, or only in jumps: the gradient is zero wherever it exists. */
const constantByNature: ReadonlySet<string> = new Set([
  ...[
    'Equal',
    'Less',
    'LessOrEqual',
    'Greater',
    'GreaterOrEqual',
    'And',
    'Or',
    'Xor',
    'Not',
    'IsNaN',
    'IsInf',
  ],
  ...['Shape', 'Size', 'Constant', 'ConstantOfShape', 'Range', 'EyeLike', 'NonZero', 'ArgMax', 'ArgMin'],
  ...['Sign', 'Floor', 'Ceil', 'Round'],
]);

export type Treatment =
  | { readonly kind: 'rule'; readonly rule: Rule }
  | { readonly kind: 'constant' | 'unknown' };

/** What differentiation does with a node: apply a rule, stop because nothing varies, or refuse. */
export function treatmentOf(node: Node): Treatment {
  const op = qualifiedOp(node);
  if (constantByNature.has(op)) return { kind: 'constant' };
  const rule = rules.get(op);
  return rule === undefined ? { kind: 'unknown' } : { kind: 'rule', rule };
}

/** Operators with a rule, by name; those outside the standard domain with their domain in front. */
export function differentiableOperators(): readonly string[] {
  return [...rules.keys()].sort();
}

/** Operators that are constant by nature: a gradient ends there and needs no rule. */
export function constantOperators(): readonly string[] {
  return [...constantByNature].sort();
}
