// Reshapes that follow each other become one, and those that change nothing go.
import type { Model, Node, Value } from '../ir.js';
import { numbersOf } from '../tensor.js';
import { rewriteModel } from './rewrite.js';

export function mergeReshapes(model: Model): Model {
  return rewriteModel(model, {
    node(node, outputs) {
      if (!isReshape(node)) return { kind: 'keep' };
      const [data, shape] = node.inputs as readonly Value[];
      if (sameStaticShape(data!, node.outputs[0]!) && !outputs.has(node.outputs[0]!))
        return { kind: 'alias', values: [data!] };
      const { producer } = data!;
      if (producer === undefined || !isReshape(producer) || readsShapeOfData(shape!)) return { kind: 'keep' };
      return { kind: 'inputs', inputs: [producer.inputs[0]!, shape!] };
    },
  });
}

function isReshape(node: Node): boolean {
  return node.op === 'Reshape' && node.domain === '';
}

/** A 0 in the target stands for the size that the data has there, so another tensor may not take the data's place. */
function readsShapeOfData(target: Value): boolean {
  return target.constant === undefined || numbersOf(target.constant).includes(0);
}

function sameStaticShape(left: Value, right: Value): boolean {
  const [a, b] = [left.shape, right.shape];
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a.every((dim, axis) => typeof dim === 'number' && dim === b[axis]);
}
