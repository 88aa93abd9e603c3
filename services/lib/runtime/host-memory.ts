// Memory for tensors on the host that goes back to the system when it is released.
import { allocate, type DType, dtypeBytes, type TensorArray, viewBytes } from '#onnx';

/** ES2024's resizable buffers; Node has had them since 20, the type library does not know them yet. */
type Resizable = ArrayBuffer & { resize(bytes: number): void };
const ResizableBuffer = ArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => Resizable;

/** Smaller arrays are left to the garbage collector: a buffer of this kind takes whole pages. */
const worthReturningBytes = 1 << 16;

export interface HostMemory {
  /** Zeroed. Its length is 0 once it is free. */
  readonly data: TensorArray;
  free(): void;
}

/**
 * An ordinary array's memory returns at some garbage collection, which does not know how much is waiting: a training
 * engine opened after another one was closed would come on top of it. A buffer that shrinks gives its pages back at once.
 */
export function hostMemory(dtype: DType, elements: number): HostMemory {
  const bytes = elements * dtypeBytes(dtype);
  if (bytes < worthReturningBytes) return { data: allocate(dtype, elements), free: () => undefined };
  const buffer = new ResizableBuffer(bytes, { maxByteLength: bytes });
  return { data: viewBytes(dtype, new Uint8Array(buffer, 0, bytes)), free: () => buffer.resize(0) };
}
