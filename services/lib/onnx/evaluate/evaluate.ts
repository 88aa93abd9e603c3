// The small interpreter behind constant folding.
import { DdkError } from '#base';
import { constantOfNode } from '../constant-node.js';
import { isFloating } from '../dtype.js';
import { InferenceContext, type NodeFacts } from '../infer/context.js';
import { isStatic } from '../infer/dims.js';
import { inferOutputs } from '../infer/outputs.js';
import { type TensorData, Value } from '../ir.js';
import { elementCount } from '../tensor.js';
import { arithmeticEvaluations } from './arithmetic.js';
import type { Evaluation, ResultShape } from './context.js';
import { movementEvaluations } from './movement.js';

/** Shapes, indices and masks. A mask of 1024 x 1024 is the largest that becomes part of the model. */
const MAX_INTEGER_ELEMENTS = 1 << 20;
/** Float constants: scalars, small tables. Weights are never touched. */
const MAX_FLOAT_ELEMENTS = 1 << 14;

const table: ReadonlyMap<string, Evaluation> = new Map(
  Object.entries({ ...movementEvaluations, ...arithmeticEvaluations }),
);

/** Operators the interpreter knows, of the standard domain. */
export function evaluatedOperators(): readonly string[] {
  return ['Constant', ...table.keys()].sort();
}

/**
 * The outputs of a node whose inputs are all known, or undefined where the interpreter does not know the operator, an
 * operand or result is large, or the result is the runtime's business (overflow, rounding that is not exact).
 *
 * @throws DdkError invalid_argument where the inputs do not fit the operator
 */
export function evaluateConstant(
  node: Pick<NodeFacts, 'op' | 'domain' | 'attributes' | 'outputCount'>,
  inputs: readonly (TensorData | null)[],
): readonly TensorData[] | undefined {
  const constant = constantOfNode(node);
  if (constant !== undefined) return [constant];
  const evaluation = node.domain === '' ? table.get(node.op) : undefined;
  if (evaluation === undefined || inputs.some((x) => x !== null && !isSmall(x.dtype, x.data.length)))
    return undefined;
  const values = inputs.map((x) =>
    x === null ? null : new Value({ name: '', dtype: x.dtype, shape: x.shape, constant: x }),
  );
  const facts: NodeFacts = { ...node, inputs: values };
  const results: ResultShape[] = [];
  for (const { dtype, shape } of inferOutputs(facts)) {
    if (dtype === undefined || dtype === 'string' || !isStatic(shape) || !isSmall(dtype, safeCount(shape)))
      return undefined;
    results.push({ dtype, shape });
  }
  const result = evaluation({ node: new InferenceContext(facts), inputs, results });
  if (result === undefined) return undefined;
  return 'dtype' in result ? [result] : result;
}

function isSmall(dtype: TensorData['dtype'], count: number): boolean {
  return count <= (isFloating(dtype) ? MAX_FLOAT_ELEMENTS : MAX_INTEGER_ELEMENTS);
}

/** A size past what can be counted is simply too large to fold. */
function safeCount(shape: readonly number[]): number {
  try {
    return elementCount(shape);
  } catch (error) {
    if (error instanceof DdkError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
