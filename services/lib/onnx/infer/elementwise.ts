// Shape rules of operators that work element by element, with or without broadcasting.
import type { DType } from '../dtype.js';
import { dtypeFromCode } from '../dtype.js';
import type { Shape } from '../ir.js';
import type { InferenceContext, ResultType, Rule } from './context.js';
import { broadcastShapes } from './dims.js';

/** All inputs broadcast against each other; undefined when the rank of one is not known. */
function broadcastAll(c: InferenceContext, indices: readonly number[]): Shape | undefined {
  let shape: Shape | undefined = [];
  for (const index of indices) {
    const next = c.shape(index);
    if (next === undefined || shape === undefined) {
      shape = undefined;
      continue;
    }
    shape =
      broadcastShapes(shape, next) ??
      c.fail(`shapes [${shape.join(',')}] and [${next.join(',')}] do not broadcast`);
  }
  return shape;
}

/** One element type for all of `indices`. */
export function commonDtype(c: InferenceContext, indices: readonly number[]): DType | undefined {
  let common: DType | undefined;
  for (const index of indices) {
    const dtype = c.dtype(index);
    if (dtype === undefined) continue;
    if (common !== undefined && common !== dtype)
      return c.fail(`element types ${common} and ${dtype} differ; cast one of them`);
    common = dtype;
  }
  return common;
}

const all = (c: InferenceContext): number[] => c.facts.inputs.map((_, index) => index);

const unary: Rule = (c) => ({ dtype: c.dtype(0), shape: c.shape(0) });
const unaryToBool: Rule = (c) => ({ dtype: requireKnown(c, 'bool'), shape: c.shape(0) });
const binary: Rule = (c) => ({ dtype: commonDtype(c, [0, 1]), shape: broadcastAll(c, [0, 1]) });
const variadic: Rule = (c) => {
  if (c.facts.inputs.length === 0) c.fail('at least one input is required');
  return { dtype: commonDtype(c, all(c)), shape: broadcastAll(c, all(c)) };
};
const comparison: Rule = (c) => {
  commonDtype(c, [0, 1]);
  return { dtype: 'bool', shape: broadcastAll(c, [0, 1]) };
};
const logical: Rule = (c) => {
  for (const index of all(c)) requireBool(c, index);
  return { dtype: 'bool', shape: broadcastAll(c, all(c)) };
};

function requireKnown(c: InferenceContext, dtype: DType): DType {
  c.input(0);
  return dtype;
}

function requireBool(c: InferenceContext, index: number): void {
  const dtype = c.dtype(index);
  if (dtype !== undefined && dtype !== 'bool') c.fail(`input ${index} must be bool, not ${dtype}`);
}

/** Softmax and others that mix elements along one axis and keep the shape. */
const alongAxis: Rule = (c) => {
  const shape = c.shape(0);
  if (shape !== undefined && shape.length > 0) c.axis(c.int('axis', -1), shape.length);
  return { dtype: c.dtype(0), shape };
};

const cast: Rule = (c) => {
  const code = c.int('to', 0);
  const dtype = dtypeFromCode(code) ?? c.fail(`element type number ${code} is not supported`);
  return { dtype, shape: c.shape(0) };
};

const dropout: Rule = (c): ResultType[] => [
  { dtype: c.dtype(0), shape: c.shape(0) },
  { dtype: 'bool', shape: c.shape(0) },
];

const unaryNames = [
  ...[
    'Neg',
    'Exp',
    'Log',
    'Sqrt',
    'Reciprocal',
    'Sigmoid',
    'Tanh',
    'Erf',
    'Relu',
    'Sin',
    'Cos',
    'Tan',
    'Abs',
    'Sign',
  ],
  ...[
    'Floor',
    'Ceil',
    'Round',
    'Identity',
    'Clip',
    'CumSum',
    'Trilu',
    'Softplus',
    'Softsign',
    'LeakyRelu',
    'Elu',
  ],
  ...[
    'Selu',
    'Gelu',
    'HardSigmoid',
    'HardSwish',
    'Mish',
    'Swish',
    'Sinh',
    'Cosh',
    'Asin',
    'Acos',
    'Atan',
    'BitwiseNot',
  ],
];
const binaryNames = [
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Mod',
  'PRelu',
  'BitShift',
  'BitwiseAnd',
  'BitwiseOr',
  'BitwiseXor',
];

export const elementwiseRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(unaryNames.map((name) => [name, unary])),
  ...Object.fromEntries(binaryNames.map((name) => [name, binary])),
  ...Object.fromEntries(['Max', 'Min', 'Sum', 'Mean'].map((name) => [name, variadic])),
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((name) => [name, comparison]),
  ),
  ...Object.fromEntries(['And', 'Or', 'Xor', 'Not'].map((name) => [name, logical])),
  IsNaN: unaryToBool,
  IsInf: unaryToBool,
  // The exponent may be of another type; the base decides.
  Pow: (c) => ({ dtype: c.dtype(0), shape: broadcastAll(c, [0, 1]) }),
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  Hardmax: alongAxis,
  Cast: cast,
  CastLike: (c) => ({ dtype: c.dtype(1), shape: c.shape(0) }),
  Dropout: dropout,
  Where: (c) => {
    requireBool(c, 0);
    return { dtype: commonDtype(c, [1, 2]), shape: broadcastAll(c, [0, 1, 2]) };
  },
};
