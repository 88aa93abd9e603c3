// Shape rules of operators that make tensors out of little or nothing, and of control flow.
import { floatsAttr, graphAttr, intsAttr, tensorAttr } from '../attributes.js';
import type { Graph, Shape } from '../ir.js';
import { numbersOf } from '../tensor.js';
import type { InferenceContext, ResultType, Rule } from './context.js';
import { unknownDim } from './dims.js';
import { commonDtype } from './elementwise.js';
import { sizesFrom } from './sizes.js';

const constant: Rule = (c) => {
  const value = tensorAttr(c.attributes, 'value');
  if (value !== undefined) return { dtype: value.dtype, shape: value.shape };
  if (c.attributes.has('value_float')) return { dtype: 'float32', shape: [] };
  if (c.attributes.has('value_int')) return { dtype: 'int64', shape: [] };
  const floats = floatsAttr(c.attributes, 'value_floats');
  if (floats !== undefined) return { dtype: 'float32', shape: [floats.length] };
  const ints = intsAttr(c.attributes, 'value_ints');
  if (ints !== undefined) return { dtype: 'int64', shape: [ints.length] };
  return c.fail('one of value, value_float, value_floats, value_int, value_ints is required');
};

const constantOfShape: Rule = (c) => {
  const dtype = tensorAttr(c.attributes, 'value')?.dtype ?? 'float32';
  const shape = c.ints(0) ?? sizesFrom(c.input(0));
  if (shape?.some((dim) => typeof dim === 'number' && dim < 0))
    return c.fail(`shape [${shape.join(',')}] holds a negative size`);
  return { dtype, shape };
};

const range: Rule = (c) => {
  const dtype = commonDtype(c, [0, 1, 2]);
  const bounds: number[] = [];
  for (const index of [0, 1, 2]) {
    const bound = c.optional(index)?.constant;
    if (bound === undefined || bound.data.length !== 1) return { dtype, shape: [unknownDim] };
    bounds.push(numbersOf(bound)[0]!);
  }
  const [start, limit, delta] = bounds as [number, number, number];
  if (delta === 0) return c.fail('delta is 0');
  return { dtype, shape: [Math.max(0, Math.ceil((limit - start) / delta))] };
};

/** A carried value keeps the sizes that the body does not change. */
function steady(initial: Shape | undefined, next: Shape | undefined): Shape | undefined {
  if (initial === undefined || next === undefined || initial.length !== next.length) return undefined;
  return initial.map((dim, i) => (next[i] === dim ? dim : unknownDim));
}

/** Inputs: trip count, condition, carried...; body outputs: condition, carried..., scanned... */
const loop: Rule = (c): ResultType[] => {
  const body = bodyOf(c, 'body');
  const carried = c.facts.inputs.length - 2;
  const scanned = body.outputs.length - 1 - carried;
  if (carried < 0 || scanned < 0 || body.inputs.length !== carried + 2) {
    return c.fail(
      `a body of ${body.inputs.length} inputs and ${body.outputs.length} outputs does not carry ${carried} values`,
    );
  }
  const trips = c.ints(0)?.[0] ?? unknownDim;
  // With a condition that can end the loop early the count is only a bound.
  const count = c.optional(1) === undefined ? trips : unknownDim;
  return body.outputs.slice(1).map((output, i) => {
    if (i < carried) {
      const initial = c.input(i + 2);
      return {
        dtype: initial.dtypeIfKnown ?? output.dtypeIfKnown,
        shape: steady(initial.shape, output.shape),
      };
    }
    return {
      dtype: output.dtypeIfKnown,
      shape: output.shape === undefined ? undefined : [count, ...output.shape],
    };
  });
};

const conditional: Rule = (c): ResultType[] => {
  const yes = bodyOf(c, 'then_branch').outputs;
  const no = bodyOf(c, 'else_branch').outputs;
  if (yes.length !== no.length) return c.fail('the branches have different numbers of outputs');
  return yes.map((value, i) => ({
    dtype: value.dtypeIfKnown ?? no[i]!.dtypeIfKnown,
    shape: steady(value.shape, no[i]!.shape),
  }));
};

function bodyOf(c: InferenceContext, name: string): Graph {
  return graphAttr(c.attributes, name) ?? c.fail(`attribute ${name} is required`);
}

export const generatorRules: Readonly<Record<string, Rule>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Loop: loop,
  If: conditional,
};
