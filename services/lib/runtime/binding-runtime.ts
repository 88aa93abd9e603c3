// ONNX Runtime through onnxruntime-node's own binding: inference only, results copied, one thread a session.
import { DdkError } from '#base';
import { BindingSession } from './binding-session.js';
import { openLibrary } from './library.js';
import type { Runtime, Session, SessionOptions } from './types.js';

export class BindingRuntime implements Runtime {
  readonly kind = 'binding';
  /** The binding loads the same library. */
  readonly version = openLibrary().version;
  readonly #sessions = new Set<BindingSession>();
  /** Sessions being made, which nobody could close yet. */
  readonly #opening = new Set<Promise<BindingSession>>();
  #closed = false;

  async createSession(model: Uint8Array | string, options: SessionOptions): Promise<Session> {
    if (this.#closed) throw new DdkError('failed_precondition', 'the runtime is closed');
    if (options.profilePrefix !== undefined || options.gpuMemoryLimitBytes !== undefined) {
      throw new DdkError(
        'unimplemented',
        'profiling and a GPU memory limit need the c-api runtime, not the binding',
      );
    }
    // A copy of its own: a cancelled run loads the model again.
    const setup = { model: typeof model === 'string' ? model : model.slice(), options };
    const opening = BindingSession.load(setup, (closed) => this.#sessions.delete(closed));
    this.#opening.add(opening);
    try {
      const session = await opening;
      this.#sessions.add(session);
      return session;
    } finally {
      this.#opening.delete(opening);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#opening);
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }
}
