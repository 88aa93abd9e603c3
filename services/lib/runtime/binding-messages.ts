// What the binding's session and its worker thread tell each other.
import type { TensorData } from '#onnx';
import type { SessionOptions, TensorInfo } from './types.js';

export interface BindingSetup {
  readonly model: Uint8Array | string;
  readonly options: SessionOptions;
}

export type BindingRequest =
  | { readonly feeds: Readonly<Record<string, TensorData>>; readonly outputs: readonly string[] }
  /** Release the model and end the thread. */
  | 'end';

export type BindingReply =
  | {
      readonly kind: 'loaded';
      readonly inputs: readonly TensorInfo[];
      readonly outputs: readonly TensorInfo[];
    }
  | { readonly kind: 'result'; readonly values: Record<string, TensorData> }
  /** `stage` tells a model that cannot be loaded from a run that failed. */
  | { readonly kind: 'failed'; readonly stage: 'load' | 'run'; readonly message: string };
