// One complete set of training state, resident with the session: parameters and both moments.
import { assert } from '#base';
import type { ResidentSession, ResidentTensor } from '#runtime';
import type { StateRole, StateTensor } from './manifest.js';

export class StateSet {
  readonly #manifest: readonly StateTensor[];
  readonly #tensors: ReadonlyMap<StateTensor, ResidentTensor>;

  constructor(session: ResidentSession, manifest: readonly StateTensor[]) {
    this.#manifest = manifest;
    this.#tensors = new Map(manifest.map((tensor) => [tensor, session.allocate(tensor.dtype, tensor.shape)]));
  }

  /** The tensors by the program's input or output names. */
  by(side: 'input' | 'output'): Record<string, ResidentTensor> {
    return Object.fromEntries([...this.#tensors].map(([tensor, value]) => [tensor[side], value]));
  }

  /** A copy of one tensor. */
  read(role: StateRole, name: string): Float32Array {
    const data = this.#tensor(role, name).read();
    assert(data instanceof Float32Array, 'training state is float32');
    return data;
  }

  /** The tensor itself where it is in host memory, else a copy. */
  peek(role: StateRole, name: string): Float32Array {
    return this.room(role, name) ?? this.read(role, name);
  }

  /** The memory of a tensor, to be filled in place; undefined where it is the device's. */
  room(role: StateRole, name: string): Float32Array<ArrayBuffer> | undefined {
    const data = this.#tensor(role, name).view?.();
    assert(data === undefined || data instanceof Float32Array, 'training state is float32');
    return data as Float32Array<ArrayBuffer> | undefined;
  }

  write(role: StateRole, name: string, data: Float32Array): void {
    // Else it has been filled in place.
    if (data !== this.room(role, name)) this.#tensor(role, name).write(data);
  }

  clear(role: StateRole, name: string): void {
    const room = this.room(role, name);
    if (room) room.fill(0);
    else this.write(role, name, this.read(role, name).fill(0));
  }

  release(): void {
    for (const tensor of this.#tensors.values()) tensor.release();
  }

  #tensor(role: StateRole, name: string): ResidentTensor {
    const listed = this.#manifest.find((tensor) => tensor.role === role && tensor.name === name);
    const value = listed && this.#tensors.get(listed);
    assert(value, `the state has no ${role} ${name}`);
    return value;
  }
}
