// The gradient of rotary positions: a rotation by the opposite angle.
import type { Value } from '#onnx';
import type { RuleContext } from '../context.js';
import { structural } from '../rule.js';

export const rotationRules = structural({
  'com.microsoft.RotaryEmbedding': [turnedBack],
});

// A pair (x, y) becomes (x cos - y sin, y cos + x sin), so dx = gx cos + gy sin and dy = gy cos - gx sin: the same
// operator with -sin. Where the tables are scaled, so is the gradient.
function turnedBack(c: RuleContext): Value {
  const { e, node, whole } = c;
  const [position, cos, sin] = [c.input(1), c.input(2), c.input(3)];
  const { op, domain, attributes } = node;
  return e.emit({
    op,
    domain,
    attributes,
    inputs: [whole, position, cos, e.neg(sin)],
    outputCount: 1,
  })[0] as Value;
}
