// Shape rules of operators that select, scatter or rank elements.
import { intAttr } from '../attributes.js';
import type { Dim } from '../ir.js';
import type { InferenceContext, ResultType, Rule } from './context.js';
import { unknownDim } from './dims.js';
import { commonDtype } from './elementwise.js';

function requireIndices(c: InferenceContext, index: number): void {
  const dtype = c.dtype(index);
  if (dtype !== undefined && dtype !== 'int64' && dtype !== 'int32')
    c.fail(`indices must be int64 or int32, not ${dtype}`);
}

const gather: Rule = (c) => {
  requireIndices(c, 1);
  const data = c.shape(0);
  const indices = c.shape(1);
  if (data === undefined || indices === undefined) return { dtype: c.dtype(0), shape: undefined };
  const axis = c.axis(c.int('axis', 0), data.length);
  return { dtype: c.dtype(0), shape: [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)] };
};

const gatherElements: Rule = (c) => {
  requireIndices(c, 1);
  const data = c.shape(0);
  const indices = c.shape(1);
  if (data !== undefined) {
    c.axis(c.int('axis', 0), data.length);
    if (indices !== undefined && indices.length !== data.length)
      c.fail('data and indices have different ranks');
  }
  return { dtype: c.dtype(0), shape: indices };
};

const gatherND: Rule = (c) => {
  requireIndices(c, 1);
  const data = c.shape(0);
  const indices = c.shape(1);
  const tuple = indices?.at(-1);
  const batch = c.int('batch_dims', 0);
  if (data === undefined || indices === undefined || typeof tuple !== 'number')
    return { dtype: c.dtype(0), shape: undefined };
  if (batch + tuple > data.length)
    return c.fail(`index tuples of ${tuple} are longer than the rank of the data`);
  return { dtype: c.dtype(0), shape: [...indices.slice(0, -1), ...data.slice(batch + tuple)] };
};

const scatterElements: Rule = (c) => {
  requireIndices(c, 1);
  const dtype = commonDtype(c, [0, 2]);
  const data = c.shape(0);
  const indices = c.shape(1);
  const updates = c.shape(2);
  if (data !== undefined) {
    c.axis(c.int('axis', 0), data.length);
    if (indices !== undefined && indices.length !== data.length)
      c.fail('data and indices have different ranks');
  }
  if (indices !== undefined && updates !== undefined && !fits(indices, updates))
    c.fail('indices and updates have different shapes');
  return { dtype, shape: data };
};

const scatterND: Rule = (c) => {
  requireIndices(c, 1);
  const dtype = commonDtype(c, [0, 2]);
  const data = c.shape(0);
  const indices = c.shape(1);
  const updates = c.shape(2);
  const tuple = indices?.at(-1);
  if (data !== undefined && indices !== undefined && updates !== undefined && typeof tuple === 'number') {
    if (tuple > data.length) return c.fail(`index tuples of ${tuple} are longer than the rank of the data`);
    const expected = [...indices.slice(0, -1), ...data.slice(tuple)];
    if (!fits(expected, updates)) c.fail(`updates must have shape [${expected.join(',')}]`);
  }
  return { dtype, shape: data };
};

function fits(a: readonly Dim[], b: readonly Dim[]): boolean {
  return (
    a.length === b.length &&
    a.every((dim, i) => typeof dim === 'string' || typeof b[i] === 'string' || dim === b[i])
  );
}

const topK: Rule = (c): ResultType[] => {
  const shape = c.shape(0);
  if (shape === undefined)
    return [
      { dtype: c.dtype(0), shape },
      { dtype: 'int64', shape },
    ];
  const axis = c.axis(c.int('axis', -1), shape.length);
  const k = c.ints(1)?.[0] ?? intAttr(c.attributes, 'k');
  const dim = shape[axis]!;
  if (k !== undefined && (k < 0 || (typeof dim === 'number' && k > dim)))
    c.fail(`k is ${k} but axis ${axis} has size ${dim}`);
  const out = shape.map((d, i) => (i === axis ? (k ?? unknownDim) : d));
  return [
    { dtype: c.dtype(0), shape: out },
    { dtype: 'int64', shape: out },
  ];
};

const argExtreme: Rule = (c) => {
  const shape = c.shape(0);
  if (shape === undefined) return { dtype: 'int64', shape };
  const axis = c.axis(c.int('axis', 0), shape.length);
  const keep = c.int('keepdims', 1) !== 0;
  return { dtype: 'int64', shape: shape.flatMap((dim, i) => (i !== axis ? [dim] : keep ? [1] : [])) };
};

const oneHot: Rule = (c) => {
  const indices = c.shape(0);
  const depth = c.ints(1)?.[0] ?? unknownDim;
  const dtype = c.dtype(2);
  if (indices === undefined) return { dtype, shape: undefined };
  const axis = c.axis(c.int('axis', -1), indices.length + 1);
  return { dtype, shape: [...indices.slice(0, axis), depth, ...indices.slice(axis)] };
};

export const indexingRules: Readonly<Record<string, Rule>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TopK: topK,
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  OneHot: oneHot,
  NonZero: (c) => ({ dtype: 'int64', shape: [c.shape(0)?.length ?? unknownDim, unknownDim] }),
};
