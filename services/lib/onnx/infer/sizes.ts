// What is known of a shape that the graph computes: the elements of a small integer value, as sizes with their names.
import { intAttr } from '../attributes.js';
import type { Dim, Node, Shape, Value } from '../ir.js';
import { numbersOf } from '../tensor.js';
import { multiplyDims, unknownDim } from './dims.js';
import { shapeRange, sliceRange } from './ranges.js';

/** No operator takes more axes than this, and a longer value is data. */
const MAX_SIZES = 64;
/** A hostile model could make every size of all the sizes before it. */
const MAX_VALUES = 256;

type Follow = (value: Value | null | undefined) => Shape | undefined;

/**
 * The elements of an integer value of rank 0 or 1, followed back to the shapes they were taken from; `?` for an element
 * that nothing is known about, and undefined where not even their number is.
 */
export function sizesFrom(value: Value): Shape | undefined {
  let visited = 0;
  const follow: Follow = (at) => {
    const count = at?.shape?.length === 0 ? 1 : at?.shape?.length === 1 ? at.shape[0] : undefined;
    if (!at || typeof count !== 'number' || count > MAX_SIZES) return undefined;
    visited += 1;
    const known = visited > MAX_VALUES ? undefined : elementsOf(at, follow);
    return known?.length === count ? known : new Array<Dim>(count).fill(unknownDim);
  };
  return follow(value);
}

function elementsOf(value: Value, follow: Follow): Shape | undefined {
  const { constant, producer, dtypeIfKnown: dtype } = value;
  // Another element type on the way may hold another number.
  if (dtype !== 'int64' && dtype !== 'int32') return undefined;
  if (constant !== undefined) return numbersOf(constant);
  if (producer === undefined || producer.domain !== '') return undefined;
  const { inputs } = producer;
  switch (producer.op) {
    case 'Shape':
      return shapeOf(producer);
    case 'Identity':
    case 'Cast':
    case 'Squeeze':
    case 'Unsqueeze':
      return follow(inputs[0]);
    case 'Concat': {
      if (inputs.length > MAX_SIZES) return undefined;
      const parts = inputs.map(follow);
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
    }
    case 'Slice':
      return sliceOf(producer, follow(inputs[0]));
    case 'Gather': {
      const from = follow(inputs[0]);
      const indices = inputs[1]?.constant;
      if (from === undefined || indices === undefined || indices.data.length > MAX_SIZES) return undefined;
      return numbersOf(indices).map((index) => from.at(index) ?? unknownDim);
    }
    case 'Mul':
      return productOf(follow(inputs[0]), follow(inputs[1]));
    default:
      return undefined;
  }
}

function shapeOf({ inputs, attributes }: Node): Shape | undefined {
  const shape = inputs[0]?.shape;
  if (shape === undefined) return undefined;
  const { length: rank } = shape;
  const { first, last } = shapeRange(rank, intAttr(attributes, 'start', 0), intAttr(attributes, 'end', rank));
  return shape.slice(first, last);
}

/** Of one axis there is one start, end and step, and no choice of axes. */
function sliceOf({ inputs }: Node, from: Shape | undefined): Shape | undefined {
  const number = (index: number): number | undefined => {
    const constant = inputs[index]?.constant;
    return constant?.data.length === 1 ? numbersOf(constant)[0] : undefined;
  };
  const [start, end] = [number(1), number(2)];
  const step = inputs[4] ? number(4) : 1;
  if (from === undefined || start === undefined || end === undefined || !step) return undefined;
  const { first, count } = sliceRange(from.length, start, end, step);
  return Array.from({ length: count }, (_, i) => from[first + i * step]!);
}

function productOf(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return undefined;
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => {
    const factors = [a, b].map((side) => side[side.length === 1 ? 0 : i] ?? unknownDim);
    // A negative number is no size, so its product with a name has none.
    const isSize = factors.every((factor) => typeof factor === 'string' || factor >= 0);
    return isSize ? multiplyDims(factors) : unknownDim;
  });
}
