// How a gradient came to a node, in words.
import { type Node, qualifiedOp, type Value } from '#onnx';

const ENDS = 8;

/** `"loss" (ReduceSum) <- "h" (Relu) <- ...`, from the seed to the node; the middle of a long path is left out. */
export function pathTo(
  node: Node,
  received: ReadonlyMap<Value, Value>,
  consumers: ReadonlyMap<Value, Node>,
): string {
  const steps: string[] = [];
  for (let at: Node | undefined = node; at !== undefined; ) {
    const output: Value | undefined = at.outputs.find((value) => received.has(value)) ?? at.outputs[0];
    steps.push(`"${output?.name}" (${qualifiedOp(at)})`);
    at = output === undefined ? undefined : consumers.get(output);
  }
  steps.reverse();
  const hidden = steps.length - 2 * ENDS;
  const shown = hidden > 1 ? [...steps.slice(0, ENDS), `${hidden} more`, ...steps.slice(-ENDS)] : steps;
  return shown.join(' <- ');
}
