// What a session is, whoever implements it: the C API by FFI or onnxruntime-node's binding.
import type { DType, Shape, TensorArray, TensorData } from '#onnx';

/** Where a session computes. */
export type Provider = 'cpu' | 'cuda';
/** A user's setting: `auto` takes CUDA where its provider library is present. */
export type ProviderSetting = Provider | 'auto';
/** `c-api` keeps state resident and runs off the event loop; `binding` is onnxruntime-node's own, inference only. */
export type RuntimeKind = 'c-api' | 'binding';

/** Name, element type and shape of a graph input or output; symbolic dimensions are strings. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

export interface SessionOptions {
  readonly provider: Provider;
  /** CUDA device, default 0. */
  readonly deviceId?: number;
  /** Threads inside an operator on the CPU; 0 takes all cores. Part of what decides the bits of a result. */
  readonly threads: number;
  /**
   * How long an idle thread of the session spins before it sleeps, in microseconds. Default 0, as several sessions share the
   * cores; waking a thread costs some tens of microseconds, which shows in graphs of many small operators.
   */
  readonly spinUs?: number;
  /** How far ONNX Runtime rewrites the graph, default `all`. */
  readonly optimisation?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Folder against which the locations of external initializers in a model given as bytes are resolved. */
  readonly externalDataFolder?: string;
  /** Writes a trace of every operator to `<prefix>_<time>.json`; see {@link Session.endProfiling}. */
  readonly profilePrefix?: string;
  /**
   * Whether runs after the first lay all intermediate values out in one block, default true. The block comes on top of
   * what the first run took, so a session that is short of memory does without.
   */
  readonly memoryPattern?: boolean;
  /** Upper bound of the CUDA memory arena, default none. */
  readonly gpuMemoryLimitBytes?: number;
}

export interface RunOptions {
  /** Names of the outputs to compute, default all. */
  readonly outputs?: readonly string[];
  /** Ends the run between two operators; it then rejects with code `cancelled`. */
  readonly signal?: AbortSignal;
}

/**
 * A loaded model. Runs may overlap; none blocks the event loop. On the CPU, runs of all sessions wait for each other where they
 * would have more threads together than there are cores.
 */
export interface Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Computes outputs from inputs. The arrays of `feeds` must not change until the promise settles.
   * Rejects with `invalid_argument` for an unknown, missing or ill-shaped input, `cancelled` after an abort,
   * `failed_precondition` after close.
   */
  run(feeds: Readonly<Record<string, TensorData>>, options?: RunOptions): Promise<Record<string, TensorData>>;
  /** Waits for runs in flight, then releases the model. May be called more than once. */
  close(): Promise<void>;
  /** Ends profiling and gives the path of the trace; present where the session was created with `profilePrefix`. */
  endProfiling?(): Promise<string>;
}

/** A tensor that stays where its session computes: a typed array on the CPU, device memory on CUDA. */
export interface ResidentTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Copies `data` in; its length and array type must fit. */
  write(data: TensorArray): void;
  /** A copy of the contents. */
  read(): TensorArray;
  /** The memory itself, where it is the host's. Valid until release. */
  view?(): TensorArray;
  /** Gives the memory back, at once or when the run that uses it has ended. Closing the session does the same. */
  release(): void;
}

/** Inputs and outputs bound once, run many times. */
export interface Binding {
  /** Runs in place. After an abort (`cancelled`) or failure the contents of the bound outputs are undefined, inputs are as they were. */
  run(options?: BindingRunOptions): Promise<void>;
  release(): void;
}

export interface BindingRunOptions {
  readonly signal?: AbortSignal;
  /** Called once the run has its cores and its thread enters the engine; not where it ends before that. */
  readonly onEntered?: () => void;
}

/** A session of the C API, whose values can stay with it. */
export interface ResidentSession extends Session {
  allocate(dtype: DType, shape: readonly number[]): ResidentTensor;
  /**
   * Binds every input and the wanted outputs. An output must not share memory with an input or another output: ONNX
   * Runtime orders no read before a write, and no write before another.
   */
  bind(
    inputs: Readonly<Record<string, ResidentTensor>>,
    outputs: Readonly<Record<string, ResidentTensor>>,
  ): Binding;
}

export interface Runtime {
  readonly kind: RuntimeKind;
  /** Version of ONNX Runtime, e.g. `1.30.0`. */
  readonly version: string;
  /** Loads a model from bytes or from a file. Rejects with `invalid_argument` for a model that cannot be loaded. */
  createSession(model: Uint8Array | string, options: SessionOptions): Promise<Session>;
  /** Closes every session that is still open. */
  close(): Promise<void>;
}

/** Whether values can stay resident with this session. */
export function isResident(session: Session): session is ResidentSession {
  return 'bind' in session && 'allocate' in session;
}
