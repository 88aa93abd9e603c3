// Shape rules of operators that move, cut or repeat elements without computing on them.
import { intAttr, intsAttr } from '../attributes.js';
import type { Dim, Shape } from '../ir.js';
import type { InferenceContext, ResultType, Rule } from './context.js';
import { broadcastShapes, divideDims, isStatic, multiplyDims, unknownDim } from './dims.js';
import { commonDtype } from './elementwise.js';
import { shapeRange, sliceRange } from './ranges.js';
import { sizesFrom } from './sizes.js';

const same = (c: InferenceContext, shape: Shape | undefined): ResultType => ({ dtype: c.dtype(0), shape });

const transpose: Rule = (c) => {
  const shape = c.shape(0);
  const perm = intsAttr(c.attributes, 'perm');
  if (shape === undefined)
    return same(
      c,
      perm?.map(() => unknownDim),
    );
  const order = perm ?? shape.map((_, i) => shape.length - 1 - i);
  if (
    order.length !== shape.length ||
    new Set(order).size !== order.length ||
    order.some((i) => shape[i] === undefined)
  ) {
    return c.fail(`perm [${order.join(',')}] is not a permutation of ${shape.length} axes`);
  }
  return same(
    c,
    order.map((i) => shape[i]!),
  );
};

const reshape: Rule = (c) => {
  const shape = c.shape(0);
  const target = c.ints(1) ?? intsAttr(c.attributes, 'shape') ?? sizesFrom(c.input(1));
  if (target === undefined) return same(c, undefined);
  const allowZero = c.int('allowzero', 0) !== 0;
  const hole = target.indexOf(-1);
  if (
    target.some((dim) => typeof dim === 'number' && dim < -1) ||
    (hole >= 0 && target.indexOf(-1, hole + 1) >= 0)
  ) {
    return c.fail(`target [${target.join(',')}] may hold -1 once and nothing below it`);
  }
  const out: Dim[] = target.map((dim, i) => {
    if (dim !== 0 || allowZero) return dim;
    if (shape === undefined) return unknownDim;
    return (
      shape[i] ?? c.fail(`target [${target.join(',')}] copies dimension ${i}, which the input does not have`)
    );
  });
  if (hole >= 0) {
    const rest = out.filter((_, i) => i !== hole);
    out[hole] =
      shape === undefined
        ? unknownDim
        : (divideDims(shape, rest) ?? c.fail(`target [${target.join(',')}] does not divide the elements`));
  } else if (shape !== undefined) {
    const quotient = divideDims(shape, out);
    if (quotient === undefined || (typeof quotient === 'number' && quotient !== 1 && isStatic(shape))) {
      return c.fail(`target [${target.join(',')}] has another number of elements`);
    }
  }
  return same(c, out);
};

const squeeze: Rule = (c) => {
  const shape = c.shape(0);
  const axes = c.axes(1);
  if (shape === undefined || axes === null) return same(c, undefined);
  if (axes === undefined) {
    // Without axes every size of 1 goes; with a free size that cannot be decided now.
    return same(c, isStatic(shape) ? shape.filter((dim) => dim !== 1) : undefined);
  }
  const drop = new Set(axes.map((axis) => c.axis(axis, shape.length)));
  for (const axis of drop) {
    const dim = shape[axis];
    if (typeof dim === 'number' && dim !== 1) c.fail(`axis ${axis} has size ${dim}, not 1`);
  }
  return same(
    c,
    shape.filter((_, i) => !drop.has(i)),
  );
};

const unsqueeze: Rule = (c) => {
  const shape = c.shape(0);
  const axes = c.axes(1);
  if (axes === undefined) return c.fail('axes are required');
  if (shape === undefined || axes === null) return same(c, undefined);
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => c.axis(axis, rank)));
  if (added.size !== axes.length) return c.fail(`axes [${axes.join(',')}] repeat`);
  const rest = [...shape];
  return same(
    c,
    Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : rest.shift()!)),
  );
};

const expand: Rule = (c) => {
  const shape = c.shape(0);
  const target = c.ints(1) ?? sizesFrom(c.input(1));
  if (target === undefined) return same(c, undefined);
  if (target.some((dim) => typeof dim === 'number' && dim < 0))
    return c.fail(`target [${target.join(',')}] holds a negative size`);
  if (shape === undefined) return same(c, undefined);
  return same(c, broadcastShapes(shape, target) ?? c.fail(`does not broadcast to [${target.join(',')}]`));
};

const concat: Rule = (c) => {
  const count = c.facts.inputs.length;
  if (count === 0) return c.fail('at least one input is required');
  const indices = Array.from({ length: count }, (_, i) => i);
  const dtype = commonDtype(c, indices);
  const shapes = indices.map((i) => c.shape(i));
  const known = shapes.find((shape) => shape !== undefined);
  if (known === undefined) return { dtype, shape: undefined };
  const axis = c.axis(intAttr(c.attributes, 'axis') ?? c.fail('attribute axis is required'), known.length);
  const out: Dim[] = [...known];
  let total: Dim = 0;
  for (const shape of shapes) {
    if (shape === undefined) {
      total = unknownDim;
      continue;
    }
    if (shape.length !== known.length) c.fail('the inputs have different ranks');
    shape.forEach((dim, i) => {
      if (i === axis) {
        total = typeof total === 'number' && typeof dim === 'number' ? total + dim : unknownDim;
      } else if (typeof dim === 'number') {
        if (typeof out[i] === 'number' && out[i] !== dim)
          c.fail(`sizes ${out[i]} and ${dim} of axis ${i} differ`);
        out[i] = dim;
      }
    });
  }
  out[axis] = count === 1 ? known[axis]! : total;
  return { dtype, shape: out };
};

const split: Rule = (c): ResultType[] => {
  const shape = c.shape(0);
  const outputs = c.facts.outputCount;
  if (shape === undefined) return Array.from({ length: outputs }, () => same(c, undefined));
  const axis = c.axis(c.int('axis', 0), shape.length);
  const whole = shape[axis]!;
  const sizes = c.ints(1) ?? intsAttr(c.attributes, 'split');
  const at = (size: Dim): ResultType =>
    same(
      c,
      shape.map((dim, i) => (i === axis ? size : dim)),
    );
  if (sizes !== undefined) {
    const sum = sizes.reduce((a, b) => a + b, 0);
    if (sizes.length !== outputs || sizes.some((size) => size < 0))
      c.fail(`sizes [${sizes.join(',')}] are not for ${outputs} outputs`);
    if (typeof whole === 'number' && whole !== sum)
      c.fail(`sizes [${sizes.join(',')}] do not add up to ${whole}`);
    return sizes.map(at);
  }
  if (c.optional(1) !== undefined || typeof whole === 'string')
    return Array.from({ length: outputs }, () => at(unknownDim));
  // Equal chunks of ceil(whole / outputs), the last one smaller where that does not divide (opset 18).
  const chunk = Math.ceil(whole / outputs);
  return Array.from({ length: outputs }, (_, i) => at(Math.max(0, Math.min(chunk, whole - i * chunk))));
};

const slice: Rule = (c) => {
  const shape = c.shape(0);
  if (shape === undefined) return same(c, undefined);
  const starts = c.ints(1);
  const ends = c.ints(2);
  const count = starts?.length ?? ends?.length;
  const axes =
    c.optional(3) === undefined ? Array.from({ length: count ?? shape.length }, (_, i) => i) : c.ints(3);
  const steps = c.optional(4) === undefined ? axes?.map(() => 1) : c.ints(4);
  if (axes === undefined)
    return same(
      c,
      shape.map(() => unknownDim),
    );
  const out: Dim[] = [...shape];
  axes.forEach((rawAxis, i) => {
    const axis = c.axis(rawAxis, shape.length);
    const start = starts?.[i];
    const end = ends?.[i];
    const step = steps?.[i];
    const dim = shape[axis]!;
    if (step === 0) c.fail(`the step of axis ${axis} is 0`);
    if (start === undefined || end === undefined || step === undefined) out[axis] = unknownDim;
    else if (typeof dim === 'number') out[axis] = sliceRange(dim, start, end, step).count;
    else out[axis] = start === 0 && end >= Number.MAX_SAFE_INTEGER && step === 1 ? dim : unknownDim;
  });
  return same(c, out);
};

const pad: Rule = (c) => {
  const shape = c.shape(0);
  const pads = c.ints(1) ?? intsAttr(c.attributes, 'pads');
  if (shape === undefined) return same(c, undefined);
  const axes = c.optional(3) === undefined ? shape.map((_, i) => i) : c.ints(3);
  if (pads === undefined || axes === undefined)
    return same(
      c,
      shape.map(() => unknownDim),
    );
  if (pads.length !== 2 * axes.length)
    return c.fail(`${pads.length} pads are not two for each of ${axes.length} axes`);
  const out: Dim[] = [...shape];
  axes.forEach((rawAxis, i) => {
    const axis = c.axis(rawAxis, shape.length);
    const added = pads[i]! + pads[i + axes.length]!;
    const dim = shape[axis]!;
    if (typeof dim === 'number' && dim + added < 0)
      c.fail(`axis ${axis} of size ${dim} cannot lose ${-added}`);
    out[axis] = typeof dim === 'number' ? dim + added : added === 0 ? dim : unknownDim;
  });
  return same(c, out);
};

const tile: Rule = (c) => {
  const shape = c.shape(0);
  const repeats = c.ints(1) ?? sizesFrom(c.input(1));
  const rank = shape ?? repeats;
  if (shape === undefined || repeats === undefined)
    return same(
      c,
      rank?.map(() => unknownDim),
    );
  if (repeats.length !== shape.length || repeats.some((n) => typeof n === 'number' && n < 0))
    return c.fail(`repeats [${repeats.join(',')}] do not fit the rank`);
  return same(
    c,
    shape.map((dim, i) => multiplyDims([dim, repeats[i]!])),
  );
};

const flatten: Rule = (c) => {
  const shape = c.shape(0);
  if (shape === undefined) return same(c, [unknownDim, unknownDim]);
  const raw = c.int('axis', 1);
  const axis = raw === shape.length ? raw : c.axis(raw, shape.length);
  return same(c, [multiplyDims(shape.slice(0, axis)), multiplyDims(shape.slice(axis))]);
};

export const movementRules: Readonly<Record<string, Rule>> = {
  Transpose: transpose,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Tile: tile,
  Flatten: flatten,
  Shape: (c) => {
    const rank = c.shape(0)?.length;
    if (rank === undefined) return { dtype: 'int64', shape: [unknownDim] };
    const { first, last } = shapeRange(rank, c.int('start', 0), c.int('end', rank));
    return { dtype: 'int64', shape: [last - first] };
  },
  Size: (c) => {
    c.input(0);
    return { dtype: 'int64', shape: [] };
  },
};
