// What tensors and bindings need of the session of the C API that they belong to.
import type { DeviceCopier } from './device-copier.js';
import type { SessionOptions, TensorInfo } from './types.js';

export interface NativeSession {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly options: SessionOptions;
  /** Address of the OrtSession. Throws `failed_precondition` after close. */
  readonly address: bigint;
  /** Copies to and from the session's device. */
  readonly copier: DeviceCopier;
  /**
   * Runs `body` with its own run options, which an abort terminates; close waits for it. On the CPU it waits for its cores
   * first. `settled` is called in any case, before close goes on.
   */
  track(
    signal: AbortSignal | undefined,
    body: (runOptions: bigint) => Promise<void>,
    settled?: () => void,
  ): Promise<void>;
}
