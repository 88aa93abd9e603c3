// Gradients of operators that move elements without changing them: each is the movement undone.
import { intsAttr } from '#onnx';
import type { RuleContext } from '../context.js';
import { type Contribution, elementwise, multiOutput, type RuleTable, structural } from '../rule.js';
import { frontAxis, staticShape } from '../shapes.js';
import { embed, placeRows, zeros } from './placement.js';
import { sliceRanges } from './slice-ranges.js';

export const movementRules: RuleTable = {
  ...elementwise({
    Expand: [({ g }) => g], // the engine sums over what was repeated
  }),
  ...structural({
    Transpose: [(c) => c.uniform ?? c.e.transpose(c.aligned, inversePermutation(c))],
    Reshape: [reshaped],
    Flatten: [reshaped],
    Squeeze: [reshaped],
    Unsqueeze: [reshaped],
    Concat: piece,
    Slice: [unsliced],
    Tile: [untiled],
    Pad: [unpadded],
    Trilu: [(c) => c.e.op('Trilu', [c.whole, c.node.inputs[1] ?? null], { upper: c.int('upper', 1) })],
  }),
  ...multiOutput({
    Split: [joined],
  }),
};

function inversePermutation(c: RuleContext): number[] {
  const rank = c.xShape.length;
  const perm =
    intsAttr(c.node.attributes, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const inverse = Array<number>(rank).fill(0);
  for (const [to, from] of perm.entries()) inverse[from] = to;
  return inverse;
}

function reshaped(c: RuleContext): Contribution {
  return c.uniform ?? c.e.reshape(c.whole, c.xShape);
}

function piece(c: RuleContext, index: number): Contribution {
  const axis = c.axis(0, c.yShape.length);
  const sizes = c.node.inputs.map((_, i) => staticShape(c.input(i))[axis]!);
  if (c.needs.filter(Boolean).length === 1) {
    const start = sizes.slice(0, index).reduce((total, size) => total + size, 0);
    return c.e.slice(c.whole, axis, start, start + sizes[index]!);
  }
  return c.once('pieces', () => c.e.split(c.whole, axis, sizes))[index]!;
}

function joined(c: RuleContext): Contribution {
  const axis = c.axis(0, c.xShape.length);
  const parts = c.node.outputs.map((output, index) => {
    const gradient = c.gradients[index] ?? null;
    const shape = staticShape(output);
    return gradient === null ? zeros(c.e, shape, c.x.dtype) : c.e.expand(gradient, shape);
  });
  return c.e.concat(parts, axis);
}

function unsliced(c: RuleContext): Contribution {
  let gradient = c.whole;
  for (const { axis, start, step, size, count } of sliceRanges(c)) {
    if (step === 1) {
      gradient = embed(c.e, gradient, axis, start, size - start - count);
    } else {
      const positions = Array.from({ length: count }, (_, index) => start + index * step);
      gradient = placeRows(c.e, gradient, axis, positions, size);
    }
  }
  return gradient;
}

function untiled(c: RuleContext): Contribution {
  const repeats = c.constantInts(1, 'repeats') ?? c.refuse('its repeats are missing');
  // [r0 d0, r1 d1] -> [r0, d0, r1, d1], then sum over every r.
  const split = c.xShape.flatMap((dim, axis) => [repeats[axis]!, dim]);
  const tiles = c.xShape.map((_, axis) => 2 * axis);
  return c.e.reduceSum(c.e.reshape(c.whole, split), tiles, false);
}

function unpadded(c: RuleContext): Contribution {
  const mode = c.string('mode', 'constant');
  if (mode !== 'constant') return c.refuse(`there is no rule for mode "${mode}"`);
  let gradient = c.whole;
  for (const { axis, before, after } of padding(c)) {
    // Positive padding is cut off, negative padding (a crop) is put back as zeros.
    const length = c.xShape[axis]! + before + after;
    const start = Math.max(before, 0);
    const end = length - Math.max(after, 0);
    if (start > 0 || end < length) gradient = c.e.slice(gradient, axis, start, end);
    gradient = embed(c.e, gradient, axis, Math.max(-before, 0), Math.max(-after, 0));
  }
  return gradient;
}

interface AxisPadding {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

function padding(c: RuleContext): AxisPadding[] {
  const rank = c.xShape.length;
  const pads = c.constantInts(1, 'pads') ?? c.refuse('its pads are missing');
  const axes = c.constantInts(3, 'axes') ?? c.xShape.map((_, axis) => axis);
  return axes.map((axis, index) => ({
    axis: frontAxis(axis, rank),
    before: pads[index]!,
    after: pads[index + axes.length]!,
  }));
}
