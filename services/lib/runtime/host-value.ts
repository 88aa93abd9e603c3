// OrtValues over typed arrays (no copy), and copies of what ONNX Runtime allocated.
import { DdkError } from '#base';
import {
  type DType,
  dtypeBytes,
  dtypeCode,
  dtypeFromCode,
  elementCount,
  type TensorArray,
  type TensorData,
  viewBytes,
} from '#onnx';
import { call, callForPointer, callForSize, memoryAt } from './api.js';
import { Handle, withHandle } from './handle.js';

let hostMemory: bigint | undefined;

/** The description of ordinary host memory; made once, it lives as long as the process. */
function hostMemoryInfo(): bigint {
  // OrtAllocatorType 1 = arena, OrtMemType 0 = default; only the device in it matters for borrowed memory.
  hostMemory ??= callForPointer('CreateCpuMemoryInfo', 1, 0);
  return hostMemory;
}

/** int64 dimensions as ONNX Runtime takes them; never of length 0, whose address would be null. */
export function nativeShape(shape: readonly number[]): BigInt64Array {
  return shape.length === 0 ? new BigInt64Array(1) : BigInt64Array.from(shape, BigInt);
}

/** A tensor over a typed array: reads and writes go to the array itself, which this object references. */
export class HostValue {
  readonly handle: Handle;
  readonly data: TensorArray;

  constructor(dtype: DType, shape: readonly number[], data: TensorArray) {
    this.data = data;
    const address = callForPointer(
      'CreateTensorWithDataAsOrtValue',
      hostMemoryInfo(),
      data.length === 0 ? new Uint8Array(8) : data,
      data.byteLength,
      nativeShape(shape),
      shape.length,
      dtypeCode(dtype),
    );
    this.handle = new Handle(address, 'ReleaseValue');
  }
}

/** A copy of a tensor that ONNX Runtime holds in host memory. */
export function copyOut(value: bigint): TensorData {
  const { dtype, shape } = withHandle(
    callForPointer('GetTensorTypeAndShape', value),
    'ReleaseTensorTypeAndShapeInfo',
    readTypeAndShape,
  );
  const bytes = elementCount(shape) * dtypeBytes(dtype);
  const memory = memoryAt(bytes === 0 ? 0n : callForPointer('GetTensorMutableData', value), bytes);
  return { dtype, shape, data: viewBytes(dtype, new Uint8Array(memory.slice(0))) };
}

/** Element type and dimensions of an OrtTensorTypeAndShapeInfo; free dimensions are -1. */
export function readTypeAndShape(info: bigint): { readonly dtype: DType; readonly shape: readonly number[] } {
  const code = new Int32Array(1);
  call('GetTensorElementType', info, code);
  const rank = callForSize('GetDimensionsCount', info);
  const dims = new BigInt64Array(Math.max(rank, 1));
  call('GetDimensions', info, dims, rank);
  const dtype = dtypeFromCode(code[0] ?? 0);
  if (!dtype) throw new DdkError('unimplemented', `ONNX Runtime's element type ${code[0]} is not supported`);
  return { dtype, shape: Array.from(dims.subarray(0, rank), Number) };
}
