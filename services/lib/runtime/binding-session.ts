// A session of onnxruntime-node's binding, in a worker thread of its own.
//
// The binding runs one call at a time and cannot be interrupted; ending a thread inside a call would end the process.
// So a cancelled run rejects at once, its thread is given up (it ends by itself once its call has returned), and the
// next run loads the model into a new thread.
import { Worker } from 'node:worker_threads';
import { assert, createTurns, DdkError } from '#base';
import type { TensorData } from '#onnx';
import type { BindingReply, BindingRequest, BindingSetup } from './binding-messages.js';
import { checkFeeds, wantedOutputs } from './check-feeds.js';
import { cancelled, cores } from './cores.js';
import type { RunOptions, Session, TensorInfo } from './types.js';

type Feeds = Readonly<Record<string, TensorData>>;
type Loaded = Extract<BindingReply, { kind: 'loaded' }>;

export class BindingSession implements Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #setup: BindingSetup;
  readonly #onClosed: (session: BindingSession) => void;
  #worker: Worker | undefined;
  /** The thread computes one run after the other. */
  readonly #takeTurn = createTurns();
  readonly #ending = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  static async load(
    setup: BindingSetup,
    onClosed: (session: BindingSession) => void,
  ): Promise<BindingSession> {
    const { worker, loaded } = await startThread(setup);
    return new BindingSession(setup, worker, loaded, onClosed);
  }

  constructor(
    setup: BindingSetup,
    worker: Worker,
    loaded: Loaded,
    onClosed: (session: BindingSession) => void,
  ) {
    this.#setup = setup;
    this.#adopt(worker);
    this.#onClosed = onClosed;
    this.inputs = loaded.inputs;
    this.outputs = loaded.outputs;
  }

  async run(feeds: Feeds, { outputs, signal }: RunOptions = {}): Promise<Record<string, TensorData>> {
    if (this.#closing) throw new DdkError('failed_precondition', 'the session is closed');
    checkFeeds(this.inputs, feeds);
    const request = { feeds, outputs: wantedOutputs(this.outputs, outputs) };
    const exchange = () => this.#exchange(request, signal);
    const { provider, threads } = this.#setup.options;
    return this.#takeTurn(() => {
      if (signal?.aborted) throw cancelled(signal);
      return provider === 'cpu' ? cores.use(threads, signal, exchange) : exchange();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#takeTurn(async () => {
      this.#giveUpThread();
      await Promise.all(this.#ending);
      this.#onClosed(this);
    });
    return this.#closing;
  }

  async #exchange(
    request: BindingRequest,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, TensorData>> {
    const worker = this.#worker ?? this.#adopt((await startThread(this.#setup)).worker);
    worker.ref();
    try {
      worker.postMessage(request);
      const reply = await nextReply(worker, signal);
      if (reply.kind === 'failed') throw failure(reply);
      assert(reply.kind === 'result', 'a loaded session only answers with results');
      return reply.values;
    } catch (error) {
      if (signal?.aborted) this.#giveUpThread();
      throw error;
    } finally {
      if (this.#worker) worker.unref();
    }
  }

  #adopt(worker: Worker): Worker {
    this.#worker = worker;
    // A thread that has died answers nobody; the next run starts another.
    worker.once('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  #giveUpThread(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    if (!worker) return;
    const ended = endThread(worker).finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}

async function startThread(
  setup: BindingSetup,
): Promise<{ readonly worker: Worker; readonly loaded: Loaded }> {
  const worker = new Worker(new URL('./binding-thread.js', import.meta.url), {
    name: 'onnxruntime-binding',
    workerData: setup,
    execArgv: [],
  });
  // Whoever waits for an answer hears of it; an error that nobody waits for must not end the process.
  worker.on('error', () => undefined);
  const reply = await nextReply(worker, undefined);
  worker.unref();
  if (reply.kind === 'loaded') return { worker, loaded: reply };
  await endThread(worker);
  assert(reply.kind === 'failed', 'a session that is not loaded gives no results');
  throw failure(reply);
}

/** Asks the thread to end after the call it is in; until then it keeps the process alive. */
function endThread(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.ref();
    worker.once('exit', () => resolve());
    worker.postMessage('end' satisfies BindingRequest);
  });
}

/** The thread's next message; rejects when the thread dies or `signal` aborts. */
function nextReply(worker: Worker, signal: AbortSignal | undefined): Promise<BindingReply> {
  return new Promise((resolve, reject) => {
    const listeners = {
      message: (reply: BindingReply) => settle(() => resolve(reply)),
      error: (error: Error) => settle(() => reject(DdkError.from(error))),
      exit: (code: number) =>
        settle(() => reject(new DdkError('internal', `the session's thread ended with code ${code}`))),
    };
    const abort = () => settle(() => reject(cancelled(signal)));
    const settle = (how: () => void) => {
      for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
      signal?.removeEventListener('abort', abort);
      how();
    };
    for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
    signal?.addEventListener('abort', abort);
  });
}

function failure({ stage, message }: Extract<BindingReply, { kind: 'failed' }>): DdkError {
  return new DdkError(stage === 'load' ? 'invalid_argument' : 'internal', message, {
    reason: 'ONNX_RUNTIME',
  });
}
