// Inputs and outputs bound once to resident values.
import { DdkError } from '#base';
import { call, callAsync, callForPointer } from './api.js';
import { checkTensor, wantedOutputs } from './check-feeds.js';
import { Handle } from './handle.js';
import type { NativeSession } from './native-session.js';
import { type NativeTensor, nativeTensor } from './resident-tensor.js';
import type { Binding, BindingRunOptions, ResidentTensor, TensorInfo } from './types.js';

type Tensors = Readonly<Record<string, ResidentTensor>>;

/** Binds every input and the given outputs. Throws `invalid_argument` where one does not fit or shares memory. */
export function bindValues(
  session: NativeSession,
  inputs: Tensors,
  outputs: Tensors,
  onReleased: (binding: Binding) => void,
): Binding {
  const { address } = session;
  const missing = session.inputs.find((input) => !(input.name in inputs));
  if (missing) throw new DdkError('invalid_argument', `input ${missing.name} is not bound`);
  wantedOutputs(session.outputs, Object.keys(outputs));
  const read = resolve('input', session.inputs, inputs);
  const written = resolve('output', session.outputs, outputs);
  refuseSharing(read, written);
  const handle = new Handle(callForPointer('CreateIoBinding', address), 'ReleaseIoBinding');
  try {
    for (const [name, tensor] of read) call('BindInput', handle.address, name, tensor.address);
    for (const [name, tensor] of written) call('BindOutput', handle.address, name, tensor.address);
  } catch (error) {
    handle.release();
    throw error;
  }
  return new NativeBinding(session, handle, [...read.values(), ...written.values()], onReleased);
}

function resolve(
  side: 'input' | 'output',
  infos: readonly TensorInfo[],
  given: Tensors,
): Map<string, NativeTensor> {
  const resolved = new Map<string, NativeTensor>();
  for (const [name, tensor] of Object.entries(given)) {
    const info = infos.find((candidate) => candidate.name === name);
    if (!info) throw new DdkError('invalid_argument', `the model has no ${side} ${name}`);
    checkTensor(`${side} ${name}`, info, tensor);
    resolved.set(name, nativeTensor(tensor));
  }
  return resolved;
}

function refuseSharing(read: Map<string, NativeTensor>, written: Map<string, NativeTensor>): void {
  const owners = new Map<object, string>();
  for (const [name, tensor] of read) owners.set(tensor.memory, `input ${name}`);
  for (const [name, tensor] of written) {
    const owner = owners.get(tensor.memory);
    if (owner) {
      throw new DdkError(
        'invalid_argument',
        `output ${name} shares memory with ${owner}; ONNX Runtime orders neither reads nor writes before it`,
      );
    }
    owners.set(tensor.memory, `output ${name}`);
  }
}

class NativeBinding implements Binding {
  readonly #session: NativeSession;
  readonly #handle: Handle;
  // The binding reads and writes this memory, so it must not be collected before it.
  readonly #tensors: readonly NativeTensor[];
  readonly #onReleased: (binding: Binding) => void;
  #running = false;

  constructor(
    session: NativeSession,
    handle: Handle,
    tensors: readonly NativeTensor[],
    onReleased: (binding: Binding) => void,
  ) {
    this.#onReleased = onReleased;
    this.#session = session;
    this.#handle = handle;
    this.#tensors = tensors;
  }

  async run(options: BindingRunOptions = {}): Promise<void> {
    if (this.#handle.address === 0n) throw new DdkError('failed_precondition', 'the binding is released');
    if (this.#running) throw new DdkError('failed_precondition', 'the binding is already running');
    for (const tensor of this.#tensors) nativeTensor(tensor);
    const session = this.#session.address;
    this.#running = true;
    const held = this.#tensors.map((tensor) => tensor.hold());
    await this.#session.track(
      options.signal,
      async (runOptions) => {
        await callAsync('RunWithBinding', [session, runOptions, this.#handle.address], {
          keep: this.#tensors,
          ...(options.onEntered && { onEntered: options.onEntered }),
        });
        call('SynchronizeBoundOutputs', this.#handle.address);
      },
      () => {
        this.#running = false;
        for (const letGo of held) letGo();
      },
    );
  }

  /** Not while it runs. */
  release(): void {
    if (this.#running) throw new DdkError('failed_precondition', 'the binding is running');
    this.#handle.release();
    this.#onReleased(this);
  }
}
