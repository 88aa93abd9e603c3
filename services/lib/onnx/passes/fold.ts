// Shape inference and constant folding over a whole model, in one walk: what folds makes more shapes known, and the
// other way round.

import { intAttr } from '../attributes.js';
import { constantOfNode } from '../constant-node.js';
import { evaluateConstant } from '../evaluate/evaluate.js';
import type { ResultType } from '../infer/context.js';
import { isStatic } from '../infer/dims.js';
import { inferOrDeclared } from '../infer/outputs.js';
import { shapeRange } from '../infer/ranges.js';
import { type Model, type Node, type Shape, subgraphs, type TensorData, type Value } from '../ir.js';
import { intsTensor, numbersOf, scalarTensor } from '../tensor.js';
import { type Decision, rewriteModel } from './rewrite.js';
import { weightsOf } from './weights.js';

/** All folded constants of one model together; past this nodes are left as they are. */
const MAX_FOLDED_BYTES = 256 * 2 ** 20;

/** Types and shapes of every value, as far as they follow from the inputs' and the initializers'. */
export function inferShapes(model: Model): Model {
  return rewriteModel(model, { node: retype });
}

/**
 * Replaces nodes whose results are known: constant operands (as far as the interpreter goes), and shapes of values
 * whose sizes are known although their contents are not. Infers shapes on the way. Nodes that make a graph's outputs
 * stay, and so does everything that is computed from weights.
 */
export function foldConstants(model: Model, weights: ReadonlySet<Value> = weightsOf(model)): Model {
  let folded = 0;
  return rewriteModel(model, {
    node(node, outputs): Decision {
      const typed = retype(node);
      if (node.outputs.some((output) => outputs.has(output)) || subgraphs(node).length > 0) return typed;
      const tensors =
        shapeResult(node) ??
        (node.inputs.some((x) => x !== null && weights.has(x)) ? undefined : constantResult(node));
      if (tensors === undefined) return typed;
      folded += tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
      return folded > MAX_FOLDED_BYTES ? typed : { kind: 'constants', tensors };
    },
  });
}

function retype(node: Node): Decision {
  const declared = node.outputs.map((output) => ({ dtype: output.dtypeIfKnown, shape: output.shape }));
  const types = inferOrDeclared({ ...node, outputCount: node.outputs.length }, declared);
  if (types.every((type, i) => sameType(type, declared[i]!))) return { kind: 'keep' };
  return { kind: 'retype', types, constant: constantOfNode(node) };
}

function sameType(a: ResultType, b: ResultType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

function sameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

function constantResult(node: Node): readonly TensorData[] | undefined {
  const inputs: (TensorData | null)[] = [];
  for (const input of node.inputs) {
    if (input !== null && input.constant === undefined) return undefined;
    inputs.push(input?.constant ?? null);
  }
  return evaluateConstant({ ...node, outputCount: node.outputs.length }, inputs);
}

/** Shape and Size of a value of known sizes, and one known size out of a shape that is partly free. */
function shapeResult(node: Node): TensorData[] | undefined {
  if (node.domain !== '') return undefined;
  const [source, index] = node.inputs;
  if (source === null || source === undefined) return undefined;
  if (node.op === 'Shape') {
    const dims = shapeDims(node);
    return isStatic(dims) ? [intsTensor(dims)] : undefined;
  }
  if (node.op === 'Size' && isStatic(source.shape)) {
    return [
      scalarTensor(
        'int64',
        source.shape.reduce((a, b) => a * b, 1),
      ),
    ];
  }
  if (node.op === 'Gather' && source.producer?.op === 'Shape' && index?.constant?.data.length === 1) {
    const dims = shapeDims(source.producer);
    const dim = dims?.at(numbersOf(index.constant)[0]!);
    if (typeof dim !== 'number') return undefined;
    return [{ dtype: 'int64', shape: index.constant.shape, data: BigInt64Array.of(BigInt(dim)) }];
  }
  return undefined;
}

function shapeDims(node: Node): Shape | undefined {
  const shape = node.inputs[0]?.shape;
  if (shape === undefined) return undefined;
  const { first, last } = shapeRange(
    shape.length,
    intAttr(node.attributes, 'start', 0),
    intAttr(node.attributes, 'end', shape.length),
  );
  return shape.slice(first, last);
}
