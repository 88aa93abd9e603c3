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

  write(role: StateRole, name: string, data: Float32Array): void {
    this.#tensor(role, name).write(data);
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
