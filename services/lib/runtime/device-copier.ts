// Copies tensors between the host and the device that a session computes on.
import { DdkError } from '#base';
import { type DType, encodeModel, GraphBuilder } from '#onnx';
import { call, callForPointer } from './api.js';
import { Handle, withHandle } from './handle.js';
import { nativeSessionOptions } from './session-options.js';
import { stringTable } from './string-table.js';
import type { Provider, SessionOptions } from './types.js';

// The names ONNX Runtime's execution providers give their memory.
const memoryNames: Readonly<Record<Provider, string>> = { cpu: 'Cpu', cuda: 'Cuda' };
const arenaAllocator = 1;
const defaultMemory = 0;

/** How bytes move: ONNX Runtime's own copy, or a session of one Identity node with its input here and output there. */
export type CopyMethod = 'copy_tensors' | 'identity';

export class DeviceCopier {
  readonly #environment: bigint;
  readonly #options: SessionOptions;
  readonly #allocator: Handle;
  readonly #identities = new Map<string, Handle>();
  #method: CopyMethod;

  constructor(
    environment: bigint,
    session: bigint,
    options: SessionOptions,
    method: CopyMethod = 'copy_tensors',
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#method = method;
    const name = memoryNames[options.provider];
    const device = options.deviceId ?? 0;
    this.#allocator = withHandle(
      callForPointer('CreateMemoryInfo', name, arenaAllocator, device, defaultMemory),
      'ReleaseMemoryInfo',
      (memoryInfo) => new Handle(callForPointer('CreateAllocator', session, memoryInfo), 'ReleaseAllocator'),
    );
  }

  /** Address of the device's OrtAllocator. */
  get allocator(): bigint {
    return this.#allocator.address;
  }

  get method(): CopyMethod {
    return this.#method;
  }

  /** Copies between two OrtValues of one element type and rank, and waits for it. */
  copy(dtype: DType, rank: number, from: bigint, to: bigint): void {
    const source = BigUint64Array.of(from);
    const target = BigUint64Array.of(to);
    if (this.#method === 'copy_tensors') {
      try {
        call('CopyTensors', this.#environment, source, target, null, 1);
        return;
      } catch (error) {
        // The environment only knows transfers of providers registered with it, not of those a session brought along.
        if (!(error instanceof DdkError && error.code === 'unimplemented')) throw error;
        this.#method = 'identity';
      }
    }
    const [x, y] = [stringTable(['x']), stringTable(['y'])];
    call('Run', this.#identity(dtype, rank), null, x, source, 1, y, 1, target);
  }

  release(): void {
    for (const session of this.#identities.values()) session.release();
    this.#allocator.release();
  }

  #identity(dtype: DType, rank: number): bigint {
    const key = `${dtype}/${rank}`;
    const known = this.#identities.get(key);
    if (known) return known.address;
    const builder = new GraphBuilder('copy');
    const shape = Array.from({ length: rank }, (_, axis) => `d${axis}`);
    builder.output('y', builder.identity(builder.input('x', dtype, shape)));
    const bytes = encodeModel(builder.build());
    const { provider, deviceId } = this.#options;
    const options = nativeSessionOptions({
      provider,
      threads: 1,
      ...(deviceId === undefined ? {} : { deviceId }),
    });
    try {
      const address = callForPointer(
        'CreateSessionFromArray',
        this.#environment,
        bytes,
        bytes.byteLength,
        options.address,
      );
      this.#identities.set(key, new Handle(address, 'ReleaseSession'));
      return address;
    } finally {
      options.release();
    }
  }
}
