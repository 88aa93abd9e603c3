// Puts the nodes of a file in topological order, or says which of them form a cycle.
import { DdkError } from '#base';
import type { GraphProto, NodeProto } from '#proto/onnx/onnx';

/** Names a graph takes from the graphs around it. */
function freeNames(graph: GraphProto): Set<string> {
  const own = new Set<string>();
  for (const input of graph.input) own.add(input.name);
  for (const initializer of graph.initializer) own.add(initializer.name);
  for (const node of graph.node) for (const output of node.output) own.add(output);
  const free = new Set<string>();
  for (const node of graph.node) for (const name of namesUsed(node)) if (!own.has(name)) free.add(name);
  for (const output of graph.output) if (!own.has(output.name)) free.add(output.name);
  return free;
}

function namesUsed(node: NodeProto): Set<string> {
  const used = new Set(node.input.filter((name) => name !== ''));
  for (const attribute of node.attribute) {
    if (attribute.g !== undefined) for (const name of freeNames(attribute.g)) used.add(name);
  }
  return used;
}

/**
 * The format asks for topological order and files in the wild mostly keep it; those that do not are sorted, keeping the
 * order of nodes that do not depend on each other as far as possible.
 *
 * @throws DdkError invalid_argument naming nodes of a cycle
 */
export function sortNodes(graph: GraphProto): readonly NodeProto[] {
  const producer = new Map<string, number>();
  graph.node.forEach((node, index) => {
    for (const output of node.output) if (output !== '') producer.set(output, index);
  });
  const needs = graph.node.map((node) => {
    const before = new Set<number>();
    for (const name of namesUsed(node)) {
      const index = producer.get(name);
      if (index !== undefined) before.add(index);
    }
    return before;
  });
  if (needs.every((before, index) => [...before].every((other) => other < index))) return graph.node;
  return sorted(graph, needs);
}

function sorted(graph: GraphProto, needs: readonly ReadonlySet<number>[]): readonly NodeProto[] {
  const users: number[][] = graph.node.map(() => []);
  const waiting = needs.map((before) => before.size);
  needs.forEach((before, index) => {
    for (const other of before) users[other]!.push(index);
  });
  const ready = graph.node.map((_, index) => index).filter((index) => waiting[index] === 0);
  const order: NodeProto[] = [];
  for (let next = 0; next < ready.length; next++) {
    const index = ready[next]!;
    order.push(graph.node[index]!);
    for (const user of users[index]!) {
      waiting[user]! -= 1;
      if (waiting[user] === 0) ready.push(user);
    }
  }
  if (order.length < graph.node.length) {
    const stuck = graph.node.filter((_, index) => waiting[index]! > 0).slice(0, 3);
    const names = stuck.map((node) => `${node.opType} "${node.name || (node.output[0] ?? '')}"`).join(', ');
    throw new DdkError('invalid_argument', `The graph "${graph.name}" has a cycle through ${names}.`);
  }
  return order;
}
