// The tensor that a Constant node stands for, whichever of its attributes holds it.
import { floatsAttr, intAttr, intsAttr, tensorAttr } from './attributes.js';
import type { Attribute, TensorData } from './ir.js';
import { intsTensor, scalarTensor, tensor } from './tensor.js';

export function constantOfNode(node: {
  readonly op: string;
  readonly domain: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
}): TensorData | undefined {
  if (node.op !== 'Constant' || node.domain !== '') return undefined;
  const value = tensorAttr(node.attributes, 'value');
  if (value !== undefined) return value;
  const int = intAttr(node.attributes, 'value_int');
  if (int !== undefined) return scalarTensor('int64', int);
  const ints = intsAttr(node.attributes, 'value_ints');
  if (ints !== undefined) return intsTensor(ints);
  const floats = floatsAttr(node.attributes, 'value_floats');
  if (floats !== undefined) return tensor('float32', [floats.length], floats);
  const float = node.attributes.get('value_float');
  return float?.kind === 'float' ? scalarTensor('float32', float.value) : undefined;
}
