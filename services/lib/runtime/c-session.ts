// A session of the C API: asynchronous, cancellable runs over borrowed memory.
import { DdkError } from '#base';
import type { DType, TensorData } from '#onnx';
import { call, callAsync, callForPointer, release, stringAt } from './api.js';
import { checkFeeds, wantedOutputs } from './check-feeds.js';
import { cancelled, cores } from './cores.js';
import { DeviceCopier } from './device-copier.js';
import { Handle } from './handle.js';
import { copyOut, HostValue } from './host-value.js';
import { bindValues } from './io-binding.js';
import type { NativeSession } from './native-session.js';
import { allocateResident } from './resident-tensor.js';
import { endRunsAtExit } from './runs-in-flight.js';
import { stringTable } from './string-table.js';
import { readTensorInfos } from './tensor-info.js';
import type {
  Binding,
  ResidentSession,
  ResidentTensor,
  RunOptions,
  SessionOptions,
  TensorInfo,
} from './types.js';

export class CSession implements ResidentSession, NativeSession {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly options: SessionOptions;
  readonly #handle: Handle;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #bindings = new Set<Binding>();
  readonly #tensors = new Set<ResidentTensor>();
  #closing: Promise<void> | undefined;
  #copier: DeviceCopier | undefined;
  readonly #environment: bigint;
  readonly #onClosed: (session: CSession) => void;

  constructor(
    environment: bigint,
    address: bigint,
    options: SessionOptions,
    onClosed: (session: CSession) => void,
  ) {
    this.#handle = new Handle(address, 'ReleaseSession');
    this.#environment = environment;
    this.#onClosed = onClosed;
    this.options = options;
    try {
      this.inputs = readTensorInfos(address, 'input');
      this.outputs = readTensorInfos(address, 'output');
    } catch (error) {
      this.#handle.release();
      throw error;
    }
  }

  /** Address of the OrtSession. Throws `failed_precondition` after close. */
  get address(): bigint {
    if (this.#closing) throw new DdkError('failed_precondition', 'the session is closed');
    return this.#handle.address;
  }

  /** Copies to and from this session's device. */
  get copier(): DeviceCopier {
    this.#copier ??= new DeviceCopier(this.#environment, this.address, this.options);
    return this.#copier;
  }

  async run(
    feeds: Readonly<Record<string, TensorData>>,
    options: RunOptions = {},
  ): Promise<Record<string, TensorData>> {
    const session = this.address;
    checkFeeds(this.inputs, feeds);
    const outputs = wantedOutputs(this.outputs, options.outputs);
    const names = Object.keys(feeds);
    const values: HostValue[] = [];
    const results = new BigUint64Array(outputs.length);
    try {
      for (const name of names) {
        const { dtype, shape, data } = feeds[name] as TensorData;
        values.push(new HostValue(dtype, shape, data));
      }
      const inputNames = stringTable(names);
      const inputValues = BigUint64Array.from(values, (value) => value.handle.address);
      const outputNames = stringTable(outputs);
      await this.track(options.signal, async (runOptions) => {
        await callAsync(
          'Run',
          [
            session,
            runOptions,
            inputNames,
            inputValues,
            inputValues.length,
            outputNames,
            outputs.length,
            results,
          ],
          { keep: values },
        );
      });
      return Object.fromEntries(outputs.map((name, index) => [name, copyOut(results[index] ?? 0n)]));
    } finally {
      for (const value of values) value.handle.release();
      for (const result of results) if (result !== 0n) release('ReleaseValue', result);
    }
  }

  allocate(dtype: DType, shape: readonly number[]): ResidentTensor {
    const tensor = allocateResident(this, dtype, shape, (released) => this.#tensors.delete(released));
    this.#tensors.add(tensor);
    return tensor;
  }

  bind(
    inputs: Readonly<Record<string, ResidentTensor>>,
    outputs: Readonly<Record<string, ResidentTensor>>,
  ): Binding {
    const binding = bindValues(this, inputs, outputs, (released) => this.#bindings.delete(released));
    this.#bindings.add(binding);
    return binding;
  }

  async track(
    signal: AbortSignal | undefined,
    body: (runOptions: bigint) => Promise<void>,
    settled: () => void = () => undefined,
  ): Promise<void> {
    const run = () => withRunOptions(signal, body);
    const { provider, threads } = this.options;
    const running = (provider === 'cpu' ? cores.use(threads, signal, run) : run()).finally(settled);
    this.#inFlight.add(running);
    try {
      await running;
    } finally {
      this.#inFlight.delete(running);
    }
  }

  async endProfiling(): Promise<string> {
    const allocator = callForPointer('GetAllocatorWithDefaultOptions');
    const path = callForPointer('SessionEndProfiling', this.address, allocator);
    try {
      return stringAt(path);
    } finally {
      call('AllocatorFree', allocator, path);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // How a run in flight ends is its caller's affair; here it only matters that it has ended.
    await Promise.allSettled(this.#inFlight);
    // A binding refers to the session and a device's tensor to its allocator, so neither may outlive it.
    for (const binding of [...this.#bindings]) binding.release();
    for (const tensor of [...this.#tensors]) tensor.release();
    this.#copier?.release();
    this.#handle.release();
    this.#onClosed(this);
  }
}

async function withRunOptions(
  signal: AbortSignal | undefined,
  body: (runOptions: bigint) => Promise<void>,
): Promise<void> {
  if (signal?.aborted) throw cancelled(signal);
  const runOptions = new Handle(callForPointer('CreateRunOptions'), 'ReleaseRunOptions');
  const terminate = () => call('RunOptionsSetTerminate', runOptions.address);
  signal?.addEventListener('abort', terminate, { once: true });
  const ended = endRunsAtExit(terminate);
  try {
    await body(runOptions.address);
  } catch (error) {
    throw signal?.aborted ? cancelled(signal, error) : error;
  } finally {
    signal?.removeEventListener('abort', terminate);
    ended();
    runOptions.release();
  }
}
