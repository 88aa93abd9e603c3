// Threads that wait for native calls so that the event loop does not.
//
// They are worker threads of their own rather than libuv's pool: a training step of seconds would keep file and DNS
// work waiting there, the pool's size is fixed before the first module is loaded, and its threads differ in how they
// treat denormals (see denormals.ts).
import { Worker } from 'node:worker_threads';
import { DdkError } from '#base';

/** One call: everything `args` points to must stay alive until it has returned. */
export interface NativeCall {
  readonly address: bigint;
  /** Native types of the parameters. */
  readonly parameters: readonly string[];
  readonly args: readonly (bigint | number)[];
  /** Whether the thread is to say that it is about to enter the function. */
  readonly announced: boolean;
}

/** What a thread posts: `entering` just before an announced call, then what the call returned. */
export type RunnerMessage = 'entering' | bigint;

interface Job {
  readonly call: NativeCall;
  readonly onEntered: (() => void) | undefined;
  readonly resolve: (result: bigint) => void;
  readonly reject: (error: Error) => void;
}

/** More calls than this wait their turn; each thread costs a few megabytes. */
const maxRunners = 16;
const idle: Runner[] = [];
const waiting: Job[] = [];
let runners = 0;

/**
 * Calls a native function that returns a pointer on a runner thread. `onEntered` is called once the thread is about to
 * enter the function, or has.
 */
export function callOnRunner(call: Omit<NativeCall, 'announced'>, onEntered?: () => void): Promise<bigint> {
  return new Promise((resolve, reject) => {
    waiting.push({ call: { ...call, announced: onEntered !== undefined }, onEntered, resolve, reject });
    dispatch();
  });
}

function dispatch(): void {
  while (waiting.length > 0) {
    const runner = idle.pop() ?? (runners < maxRunners ? new Runner() : undefined);
    const job = runner && waiting.shift();
    if (!runner || !job) return;
    runner.start(job);
  }
}

class Runner {
  readonly #worker: Worker;
  #job: Job | undefined;

  constructor() {
    runners++;
    this.#worker = new Worker(new URL('./runner-thread.js', import.meta.url), {
      name: 'onnxruntime',
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (message: RunnerMessage) => {
      if (message === 'entering') this.#job?.onEntered?.();
      else this.#finish((job) => job.resolve(message));
    });
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', (code) =>
      this.#die(new DdkError('internal', `a runner thread ended with code ${code}`)),
    );
  }

  start(job: Job): void {
    this.#job = job;
    // A call in flight keeps the process alive; an idle thread does not.
    this.#worker.ref();
    this.#worker.postMessage(job.call);
  }

  #finish(settle: (job: Job) => void): void {
    const job = this.#job;
    this.#job = undefined;
    this.#worker.unref();
    idle.push(this);
    if (job) settle(job);
    dispatch();
  }

  #die(error: Error): void {
    const job = this.#job;
    const place = idle.indexOf(this);
    if (!job && place < 0) return;
    this.#job = undefined;
    if (place >= 0) idle.splice(place, 1);
    runners--;
    job?.reject(error);
    dispatch();
  }
}
