// Memory for tensors on the host that goes back to the system when it is released.
import { DdkError, formatBytes } from '#base';
import { allocate, type DType, dtypeBytes, type TensorArray, viewBytes } from '#onnx';

/** ES2024's resizable buffers; Node has had them since 20, the type library does not know them yet. */
type Resizable = ArrayBuffer & { resize(bytes: number): void };
const ResizableBuffer = ArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => Resizable;

/** Smaller arrays are left to the garbage collector: a buffer of this kind takes whole pages. */
const worthReturningBytes = 1 << 16;
/** Larger arrays too, as the engine makes no larger buffer of this kind. */
const mostReturnableBytes = 2 ** 32;

export interface HostMemory {
  /** Zeroed. Its length is 0 once it is free. */
  readonly data: TensorArray;
  free(): void;
}

/**
 * An ordinary array's memory returns at some garbage collection, which does not know how much is waiting: a training
 * engine opened after another one was closed would come on top of it. A buffer that shrinks gives its pages back at once.
 * Throws `resource_exhausted` where there is not so much.
 */
export function hostMemory(dtype: DType, elements: number): HostMemory {
  try {
    return reserve(dtype, elements);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const bytes = formatBytes(elements * dtypeBytes(dtype));
    throw new DdkError(
      'resource_exhausted',
      `A tensor of ${bytes} does not fit into memory; take a smaller model or a machine with more memory.`,
      { cause },
    );
  }
}

function reserve(dtype: DType, elements: number): HostMemory {
  const bytes = elements * dtypeBytes(dtype);
  if (bytes < worthReturningBytes || bytes > mostReturnableBytes)
    return { data: allocate(dtype, elements), free: () => undefined };
  const buffer = new ResizableBuffer(bytes, { maxByteLength: bytes });
  return { data: viewBytes(dtype, new Uint8Array(buffer, 0, bytes)), free: () => buffer.resize(0) };
}
