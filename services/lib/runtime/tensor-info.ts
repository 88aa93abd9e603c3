// Reads the names, types and shapes of a session's inputs and outputs.
import { call, callForPointer, callForSize, stringAt } from './api.js';
import { notATensor } from './check-feeds.js';
import { withHandle } from './handle.js';
import { readTypeAndShape } from './host-value.js';
import type { TensorInfo } from './types.js';

const members = {
  input: ['SessionGetInputCount', 'SessionGetInputName', 'SessionGetInputTypeInfo'],
  output: ['SessionGetOutputCount', 'SessionGetOutputName', 'SessionGetOutputTypeInfo'],
} as const;

/** The graph's inputs or outputs, in the graph's order. Throws `invalid_argument` for one that is no tensor. */
export function readTensorInfos(session: bigint, side: 'input' | 'output'): readonly TensorInfo[] {
  const [countOf, nameOf, typeOf] = members[side];
  const allocator = callForPointer('GetAllocatorWithDefaultOptions');
  return Array.from({ length: callForSize(countOf, session) }, (_, index) => {
    const nameAddress = callForPointer(nameOf, session, index, allocator);
    const name = stringAt(nameAddress);
    call('AllocatorFree', allocator, nameAddress);
    return withHandle(callForPointer(typeOf, session, index), 'ReleaseTypeInfo', (typeInfo) => {
      // Owned by typeInfo. Null for sequences, maps and optional values; asking further would end the process.
      const tensor = callForPointer('CastTypeInfoToTensorInfo', typeInfo);
      if (tensor === 0n) throw notATensor(side, name);
      const { dtype, shape } = readTypeAndShape(tensor);
      const symbols = symbolicDims(tensor, shape.length);
      return {
        name,
        dtype,
        shape: shape.map((dim, axis) => (dim >= 0 ? dim : symbols[axis] || `${name}_${axis}`)),
      };
    });
  });
}

function symbolicDims(tensor: bigint, rank: number): readonly string[] {
  const names = new BigUint64Array(Math.max(rank, 1));
  call('GetSymbolicDimensions', tensor, names, rank);
  return Array.from(names.subarray(0, rank), (address) => (address === 0n ? '' : stringAt(address)));
}
