// Gradients of operators that work element by element. Factors go onto g first, which may be held small.
// c: the context; e: emits nodes; g: gradient of the output; x, w: first and second input; y: output.
import { numbersOf, type Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { afterSum, type Contribution, elementwise } from '../rule.js';
import { product, staticShape } from '../shapes.js';

/** d erf(x)/dx = 2/sqrt(pi) exp(-x^2) = exp(this - x^2) */
const LOG_ERF_SLOPE = Math.log(2 / Math.sqrt(Math.PI));

export const elementwiseRules = elementwise({
  Identity: [({ g }) => g],
  Cast: [({ e, g, x }) => e.cast(g, x.dtype)],
  Neg: [({ e, g }) => e.neg(g)], // -1
  Add: [({ g }) => g, ({ g }) => g], // 1, 1
  Sub: [({ g }) => g, negated], // 1, -1
  Mul: [productLeft, productRight], // w, x, or both at once for x sigmoid(x)
  Div: [quotientTop, quotientBottom], // 1/w, -y/w
  Pow: [powerBase, powerExponent], // w x^(w-1), y log x
  Sqrt: [({ e, g, y }) => e.div(e.mul(g, 0.5), y)], // 1/(2y)
  Reciprocal: [({ e, g, y }) => e.neg(e.mul(g, e.mul(y, y)))], // -1/x^2 = -y^2
  Exp: [({ e, g, y }) => e.mul(g, y)], // y
  Log: [({ e, g, x }) => e.div(g, x)], // 1/x
  Erf: [(c) => c.e.mul(c.g, erfSlope(c))], // 2/sqrt(pi) exp(-x^2)
  Tanh: [(c) => c.e.mul(c.g, c.e.sub(1, c.e.mul(c.y, c.y)))], // 1 - y^2
  Sigmoid: [(c) => c.e.mul(c.g, c.e.mul(c.y, c.e.sub(1, c.y)))], // y (1-y)
  Relu: [(c) => c.e.where(c.e.greater(c.y, 0), c.g, 0)], // 1 where y > 0
  Abs: [({ e, g, x }) => e.mul(g, e.sign(x))], // sign x
  Sin: [({ e, g, x }) => e.mul(g, e.cos(x))], // cos x
  Cos: [({ e, g, x }) => e.neg(e.mul(g, e.sin(x)))], // -sin x
  Clip: [insideLimits, belowMinimum, aboveMaximum], // 1 inside, else 0; the limits take the rest
  Where: [undefined, (c) => c.e.where(c.x, c.g, 0), (c) => c.e.where(c.x, 0, c.g)],
  Sum: ({ g }) => g, // 1
  Max: extremum, // 1 where x is the extremum, shared between equals
  Min: extremum,
});

function negated(c: RuleContext): Contribution {
  return afterSum(c.g, (summed) => c.e.neg(summed));
}

function productLeft(c: RuleContext): Contribution {
  const { e, g, x, w } = c;
  if (x === w) return e.mul(e.mul(g, 2), x); // d(x x) = 2x
  if (gates(c, w, x)) return gated(c, w);
  return gates(c, x, w) ? null : e.mul(g, w);
}

function productRight(c: RuleContext): Contribution {
  const { e, g, x, w } = c;
  if (x === w || gates(c, w, x)) return null;
  return gates(c, x, w) ? gated(c, x) : e.mul(g, x);
}

/** Whether `gate` is the sigmoid of `value`, so that their product is SiLU(value) and the gate need not be visited. */
function gates(c: RuleContext, gate: Value, value: Value): boolean {
  const { producer } = gate;
  return producer?.op === 'Sigmoid' && producer.inputs[0] === value && !c.isTarget(gate);
}

/** d(z s(z)) = s + z s (1-s) = s + y (1-s): four passes, where the product and the sigmoid on their own take six. */
function gated({ e, g, y }: RuleContext, gate: Value): Value {
  return e.mul(g, e.add(gate, e.mul(y, e.sub(1, gate))));
}

function quotientTop(c: RuleContext): Value {
  return c.once('quotient', () => c.e.div(c.g, c.w));
}

function quotientBottom(c: RuleContext): Contribution {
  const { e, g, w, y } = c;
  // A divisor smaller than the quotient is constant along the axes that are summed, so it can be divided by last.
  if (product(staticShape(w)) < product(c.yShape)) {
    return afterSum(e.mul(g, y), (summed) => e.div(summed, e.neg(w)));
  }
  return e.neg(e.mul(quotientTop(c), y));
}

function powerBase(c: RuleContext): Contribution {
  const { e, g, x, w, y } = c;
  const power =
    w.constant !== undefined && w.constant.data.length === 1 ? numbersOf(w.constant)[0]! : undefined;
  switch (power) {
    case undefined: {
      const exponent = w.dtype === x.dtype ? w : e.cast(w, x.dtype);
      return e.mul(g, e.mul(exponent, e.pow(x, e.sub(exponent, 1))));
    }
    case 0:
      return null;
    case 1:
      return g;
    case 2:
      return e.mul(e.mul(g, 2), x);
    case 3:
      return e.mul(e.mul(g, 3), e.mul(x, x));
    case 0.5:
      return e.div(e.mul(g, 0.5), y);
    case -1:
      return e.mul(e.mul(g, -1), e.mul(y, y));
    default:
      return e.mul(e.mul(g, power), e.pow(x, power - 1));
  }
}

function powerExponent(c: RuleContext): Contribution {
  const { e, g, x, y } = c;
  // The logarithm is left out where the base is not positive: there y is 0, or the exponent cannot vary.
  const log = e.where(e.greater(x, 0), e.log(x), 0);
  return e.mul(g, e.mul(y, log));
}

function erfSlope(c: RuleContext): Value {
  const { e, x } = c;
  return e.exp(e.sub(LOG_ERF_SLOPE, e.mul(x, x)));
}

function insideLimits(c: RuleContext): Contribution {
  return c.e.where(c.e.equal(c.x, c.y), c.g, 0);
}

function belowMinimum(c: RuleContext): Contribution {
  return c.e.where(c.e.less(c.x, c.input(1)), c.g, 0);
}

function aboveMaximum(c: RuleContext): Contribution {
  return c.e.where(c.e.greater(c.x, c.input(2)), c.g, 0);
}

function extremum(c: RuleContext, index: number): Contribution {
  const { e, g, node } = c;
  if (node.inputs.length === 1) return g;
  const hits = c.once('hits', () => node.inputs.map((_, i) => isExtremum(c, i)));
  const share = c.once('share', () =>
    e.div(
      g,
      hits.reduce((total, hit) => e.add(total, hit)),
    ),
  );
  return e.mul(share, hits[index]!);
}

function isExtremum(c: RuleContext, index: number): Value {
  return c.e.cast(c.e.equal(c.input(index), c.y), c.y.dtype);
}
