// Tensors that stay with their session: typed arrays on the CPU, device memory on CUDA.
import { assert, DdkError } from '#base';
import { allocate, carries, type DType, dtypeCode, elementCount, type TensorArray } from '#onnx';
import { callForPointer } from './api.js';
import type { DeviceCopier } from './device-copier.js';
import { Handle } from './handle.js';
import { type HostMemory, hostMemory } from './host-memory.js';
import { HostValue, nativeShape } from './host-value.js';
import { Lease } from './lease.js';
import type { NativeSession } from './native-session.js';
import type { ResidentTensor } from './types.js';

/** What a binding needs of a resident tensor beyond the public interface. */
export interface NativeTensor extends ResidentTensor {
  /** Address of the OrtValue, 0 after release. */
  readonly address: bigint;
  /** Identity of the memory, to refuse inputs and outputs that share it. */
  readonly memory: object;
  /** Keeps the memory for a run until the function that is returned is called, even if the tensor is released meanwhile. */
  hold(): () => void;
}

/** Allocates a zeroed tensor where `session` computes. `onReleased` is called once its memory is free. */
export function allocateResident(
  session: NativeSession,
  dtype: DType,
  shape: readonly number[],
  onReleased: (tensor: NativeTensor) => void,
): NativeTensor {
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new DdkError('invalid_argument', `a resident tensor cannot have shape [${shape}]`);
    }
  }
  return session.options.provider === 'cpu'
    ? new HostTensor(dtype, shape, onReleased)
    : new DeviceTensor(session.copier, dtype, shape, onReleased);
}

/** The native side of a tensor made by {@link allocateResident}. */
export function nativeTensor(tensor: ResidentTensor): NativeTensor {
  assert(
    tensor instanceof HostTensor || tensor instanceof DeviceTensor,
    'a resident tensor of another runtime',
  );
  if (tensor.address === 0n) throw new DdkError('failed_precondition', 'the resident tensor is released');
  return tensor;
}

class HostTensor implements NativeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly memory: HostMemory;
  readonly #value: HostValue;
  readonly #lease: Lease;

  constructor(dtype: DType, shape: readonly number[], onReleased: (tensor: NativeTensor) => void) {
    this.dtype = dtype;
    this.shape = shape;
    this.memory = hostMemory(dtype, elementCount(shape));
    this.#value = new HostValue(dtype, shape, this.memory.data);
    this.#lease = new Lease(() => {
      this.#value.handle.release();
      this.memory.free();
      onReleased(this);
    });
  }

  get address(): bigint {
    return this.#lease.released ? 0n : this.#value.handle.address;
  }

  hold(): () => void {
    return this.#lease.hold();
  }

  view(): TensorArray {
    nativeTensor(this);
    return this.memory.data;
  }

  read(): TensorArray {
    return this.view().slice();
  }

  write(data: TensorArray): void {
    const target = this.view();
    checkContents(this, data);
    // Same kind of array on both sides (checked), which the union type cannot express.
    (target as Uint8Array).set(data as Uint8Array);
  }

  release(): void {
    this.#lease.release();
  }
}

/** Device memory; exported for its test on the CPU's own memory. */
export class DeviceTensor implements NativeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly #handle: Handle;
  readonly #copier: DeviceCopier;
  readonly #lease: Lease;
  readonly memory = {};

  constructor(
    copier: DeviceCopier,
    dtype: DType,
    shape: readonly number[],
    onReleased: (tensor: NativeTensor) => void = () => undefined,
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.#copier = copier;
    this.#lease = new Lease(() => {
      this.#handle.release();
      onReleased(this);
    });
    this.#handle = new Handle(
      callForPointer(
        'CreateTensorAsOrtValue',
        this.#copier.allocator,
        nativeShape(shape),
        shape.length,
        dtypeCode(dtype),
      ),
      'ReleaseValue',
    );
    try {
      this.write(allocate(dtype, elementCount(shape)));
    } catch (error) {
      this.#lease.release();
      throw error;
    }
  }

  get address(): bigint {
    return this.#lease.released ? 0n : this.#handle.address;
  }

  hold(): () => void {
    return this.#lease.hold();
  }

  read(): TensorArray {
    const { address } = nativeTensor(this);
    const data = allocate(this.dtype, elementCount(this.shape));
    const host = new HostValue(this.dtype, this.shape, data);
    try {
      this.#copier.copy(this.dtype, this.shape.length, address, host.handle.address);
      return data;
    } finally {
      host.handle.release();
    }
  }

  write(data: TensorArray): void {
    const { address } = nativeTensor(this);
    checkContents(this, data);
    const host = new HostValue(this.dtype, this.shape, data);
    try {
      this.#copier.copy(this.dtype, this.shape.length, host.handle.address, address);
    } finally {
      host.handle.release();
    }
  }

  release(): void {
    this.#lease.release();
  }
}

function checkContents(tensor: ResidentTensor, data: TensorArray): void {
  const count = elementCount(tensor.shape);
  if (!carries(tensor.dtype, data) || data.length !== count) {
    throw new DdkError(
      'invalid_argument',
      `a ${data.constructor.name} of ${data.length} elements cannot be written to ${tensor.dtype} [${tensor.shape}]`,
    );
  }
}
