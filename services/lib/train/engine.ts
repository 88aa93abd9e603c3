// Training on one machine: the step program and its state, resident in two sets that swap roles.
//
// A step reads one set and writes the other. Only a step that ended with finite metrics makes the written set the
// current one; a failed, cancelled or non-finite step leaves everything as it was.
import { createTurns, DdkError, failpoint, systemClock } from '#base';
import { type Binding, isResident, type ResidentSession, type Runtime, type SessionOptions } from '#runtime';
import { packBatch, type TrainRow } from './batch.js';
import { BatchTensors } from './batch-tensors.js';
import { digestOfWeights } from './digest.js';
import { type TrainEnvironment, trainEnvironment } from './environment.js';
import type { StateRole, StateTensor } from './manifest.js';
import { lossMetrics, requireFinite, type StepMetrics } from './metrics.js';
import { compileStep, type StepProgram } from './program.js';
import type { StepSpec } from './spec.js';
import { StateSet } from './state-set.js';

export type Execution = Pick<
  SessionOptions,
  'provider' | 'deviceId' | 'threads' | 'spinUs' | 'gpuMemoryLimitBytes' | 'profilePrefix'
>;

/** Where state comes from: a model's weights, or a checkpoint. Arrays are copied. */
export interface StateSource {
  /** Steps done so far. */
  readonly step: number;
  /**
   * One tensor of the state; moments that are undefined start at zero. A source that can, fills `room` and gives that
   * back; it is there where the state lies in host memory.
   */
  read(
    tensor: StateTensor,
    room?: Float32Array<ArrayBuffer>,
  ): Promise<Float32Array | undefined> | Float32Array | undefined;
}

/**
 * Some operators run on one thread, for up to a millisecond or two; the others should be awake when it has ended. A core
 * is kept from others for no longer than this after a step.
 */
const briefSpinUs = 1000;

interface Direction {
  readonly source: StateSet;
  readonly binding: Binding;
}

export class TrainEngine {
  readonly program: StepProgram;
  readonly environment: TrainEnvironment;
  readonly #session: ResidentSession;
  readonly #batch: BatchTensors;
  readonly #sets: readonly StateSet[];
  /** The direction of the next step comes first. */
  #directions: readonly [Direction, Direction];
  #step = 0;
  #loaded = false;
  #closing: Promise<void> | undefined;
  /** One operation on the state after the other. */
  readonly #takeTurn = createTurns();

  /** Compiles the step and allocates its state. Give it weights with {@link load} before the first step. */
  static async open(options: {
    readonly runtime: Runtime;
    readonly spec: StepSpec;
    readonly execution: Execution;
  }): Promise<TrainEngine> {
    const { runtime, spec, execution } = options;
    const program = compileStep(spec);
    const session = await runtime.createSession(program.bytes, {
      // Its block would hold a second copy of the gradients.
      memoryPattern: false,
      spinUs: briefSpinUs,
      ...execution,
    });
    try {
      if (isResident(session))
        return new TrainEngine(program, session, trainEnvironment(program, execution, runtime.version));
      throw new DdkError('failed_precondition', `training needs the c-api runtime, not the ${runtime.kind}`);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  constructor(program: StepProgram, session: ResidentSession, environment: TrainEnvironment) {
    this.program = program;
    this.environment = environment;
    this.#session = session;
    this.#batch = new BatchTensors(session);
    const [a, b] = [new StateSet(session, program.state), new StateSet(session, program.state)];
    this.#sets = [a, b];
    const direction = (source: StateSet, target: StateSet): Direction => {
      const inputs = { ...this.#batch.inputs, ...source.by('input') };
      const outputs = { ...this.#batch.outputs, ...target.by('output') };
      return { source, binding: session.bind(inputs, outputs) };
    };
    this.#directions = [direction(a, b), direction(b, a)];
  }

  /** Steps done so far. */
  get stepsDone(): number {
    return this.#step;
  }

  /** Replaces the whole state. If the source fails half-way the engine must be loaded again before it is used. */
  load(source: StateSource): Promise<void> {
    return this.#exclusive(async () => {
      this.#loaded = false;
      const target = this.#directions[0].source;
      for (const tensor of this.program.state) {
        const { role, name } = tensor;
        const data = await source.read(tensor, target.room(role, name));
        if (data) target.write(role, name, data);
        else if (role !== 'parameter') target.clear(role, name);
        else throw new DdkError('invalid_argument', `the weights lack parameter ${name}`);
      }
      this.#step = source.step;
      this.#loaded = true;
    });
  }

  /**
   * One optimizer step over `rows`. Throws `failed_precondition` with reason LOSS_NOT_FINITE where loss or gradient norm
   * is not finite, `cancelled` after an abort; the state is then as it was before.
   */
  step(
    rows: readonly TrainRow[],
    learningRate: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<StepMetrics> {
    return this.#exclusive(async () => {
      this.#requireLoaded();
      if (!Number.isFinite(learningRate) || learningRate < 0) {
        throw new DdkError('invalid_argument', `the learning rate is ${learningRate}; it must be 0 or more`);
      }
      const { spec } = this.program;
      const startedMs = systemClock.monotonicMs();
      const batch = packBatch(spec, rows);
      const step = this.#step + 1;
      this.#batch.write(batch, spec.optimizer, step, learningRate);
      const [now, next] = this.#directions;
      await now.binding.run({ ...options, onEntered: () => failpoint('train.mid_step') });
      const readings = this.#batch.read();
      const losses = lossMetrics(spec, batch, readings);
      const { gradientNorm } = readings;
      requireFinite(step, losses.loss, gradientNorm);
      this.#directions = [next, now];
      this.#step = step;
      return {
        step,
        ...losses,
        gradientNorm,
        learningRate,
        durationMs: systemClock.monotonicMs() - startedMs,
      };
    });
  }

  /**
   * Calls `body` with a view of the state that no step changes meanwhile: steps asked for during it wait. Nothing is
   * copied but what `read` gives.
   */
  snapshot<T>(body: (snapshot: StateSnapshot) => Promise<T>): Promise<T> {
    return this.#exclusive(() => {
      this.#requireLoaded();
      const set = this.#directions[0].source;
      return body({
        step: this.#step,
        tensors: this.program.state,
        read: (role, name) => set.read(role, name),
        peek: (role, name) => set.peek(role, name),
      });
    });
  }

  /** A copy of one parameter. */
  parameter(name: string): Promise<Float32Array> {
    return this.snapshot(async (snapshot) => snapshot.read('parameter', name));
  }

  /** `sha256:` of every parameter's name, shape and bits: equal for equal weights, wherever they came from. */
  weightsDigest(): Promise<string> {
    return this.snapshot(({ tensors, peek }) => digestOfWeights({ tensors, read: peek }));
  }

  /** The trace of every operator, where the engine was opened with `profilePrefix`. */
  async endProfiling(): Promise<string | undefined> {
    return this.#exclusive(async () => this.#session.endProfiling?.());
  }

  /** Waits for what runs, then releases session and state. */
  close(): Promise<void> {
    this.#closing ??= this.#takeTurn(async () => {
      for (const { binding } of this.#directions) binding.release();
      this.#batch.release();
      for (const set of this.#sets) set.release();
      await this.#session.close();
    });
    return this.#closing;
  }

  #requireLoaded(): void {
    if (!this.#loaded)
      throw new DdkError('failed_precondition', 'the engine has no weights: load them first');
  }

  #exclusive<T>(body: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new DdkError('failed_precondition', 'the engine is closed'));
    return this.#takeTurn(body);
  }
}

/** The state as it is between two steps. */
export interface StateSnapshot {
  readonly step: number;
  readonly tensors: readonly StateTensor[];
  /** A copy. */
  read(role: StateRole, name: string): Float32Array;
  /** The values where they lie, if that is host memory: not to be changed, and only good until `body` has ended. */
  peek(role: StateRole, name: string): Float32Array;
}
