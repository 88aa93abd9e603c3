// ONNX Runtime through its C API: the environment and the sessions opened in it.
import { DdkError } from '#base';
import { callAsync, callForPointer } from './api.js';
import { CSession } from './c-session.js';
import { Handle } from './handle.js';
import { openLibrary } from './library.js';
import { logLevel, nativeSessionOptions } from './session-options.js';
import type { ResidentSession, Runtime, SessionOptions } from './types.js';

export class CRuntime implements Runtime {
  readonly kind = 'c-api';
  readonly version: string;
  // One environment a process: ONNX Runtime counts references to it.
  readonly #environment: Handle;
  readonly #sessions = new Set<CSession>();
  /** Sessions being made. They need the environment, and nobody could close them yet. */
  readonly #opening = new Set<Promise<ResidentSession>>();
  #closed = false;

  constructor() {
    this.version = openLibrary().version;
    this.#environment = new Handle(callForPointer('CreateEnv', logLevel, 'ddk'), 'ReleaseEnv');
  }

  async createSession(model: Uint8Array | string, options: SessionOptions): Promise<ResidentSession> {
    if (this.#closed) throw new DdkError('failed_precondition', 'the runtime is closed');
    const opening = this.#open(model, options);
    this.#opening.add(opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(opening);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // How their making ends is their callers' affair.
    await Promise.allSettled(this.#opening);
    await Promise.all([...this.#sessions].map((session) => session.close()));
    this.#environment.release();
  }

  async #open(model: Uint8Array | string, options: SessionOptions): Promise<ResidentSession> {
    const sessionOptions = nativeSessionOptions(options);
    const created = new BigUint64Array(1);
    try {
      const environment = this.#environment.address;
      if (typeof model === 'string') {
        const path = new TextEncoder().encode(`${model}\0`);
        await callAsync('CreateSession', [environment, path, sessionOptions.address, created]);
      } else {
        await callAsync('CreateSessionFromArray', [
          environment,
          model,
          model.byteLength,
          sessionOptions.address,
          created,
        ]);
      }
    } finally {
      sessionOptions.release();
    }
    const session = new CSession(this.#environment.address, created[0] ?? 0n, options, (closed) => {
      this.#sessions.delete(closed);
    });
    this.#sessions.add(session);
    return session;
  }
}
