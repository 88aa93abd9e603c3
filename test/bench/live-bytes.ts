// How many bytes of a step program's values are alive at once, by the order of its nodes alone.
import { dtypeBytes, type Value } from '#onnx';
import type { StepProgram } from '#train';

/**
 * Peak of the intermediate values alive at once, split into the gradients of parameters and all others. Inputs and
 * outputs are not counted, nor is what an operator takes inside itself.
 */
export function liveBytes({ model, state }: StepProgram): {
  readonly gradients: number;
  readonly activations: number;
} {
  const { nodes, outputs } = model.graph;
  const kept = new Set<Value>(outputs);
  const lastUse = new Map<Value, number>();
  for (const [at, node] of nodes.entries())
    for (const input of node.inputs) if (input) lastUse.set(input, at);
  let alive = 0;
  let peak = 0;
  for (const [at, node] of nodes.entries()) {
    for (const output of node.outputs) if (!kept.has(output)) alive += bytesOf(output);
    peak = Math.max(peak, alive);
    const ends = new Set([...node.inputs, ...node.outputs]);
    for (const value of ends) {
      const computed = value?.producer && value.constant === undefined && !kept.has(value);
      if (computed && (lastUse.get(value) ?? at) === at) alive -= bytesOf(value);
    }
  }
  const gradients = state
    .filter(({ role }) => role === 'parameter')
    .reduce((sum, { shape }) => sum + 4 * shape.reduce((product, dim) => product * dim, 1), 0);
  return { gradients, activations: peak - gradients };
}

function bytesOf({ dtype, shape }: Value): number {
  return (shape ?? []).reduce<number>((product, dim) => product * Number(dim), dtypeBytes(dtype));
}
