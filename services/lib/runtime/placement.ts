// Where sessions compute, as the environment of a process says it.
import type { Environment } from '#base';
import type { ProviderSetting, RuntimeKind } from './types.js';

export interface Placement {
  readonly provider: ProviderSetting;
  /** CUDA device. */
  readonly device: number;
  /** Threads of a session on the CPU; 0 takes all cores. */
  readonly threads: number;
}

/** Reads DDK_PROVIDER, DDK_DEVICE and DDK_THREADS. */
export function readPlacement(env: Environment): Placement {
  return {
    provider: env.choice('DDK_PROVIDER', ['auto', 'cpu', 'cuda'], 'auto'),
    device: env.integer('DDK_DEVICE', { min: 0, max: 255, fallback: 0 }),
    threads: env.integer('DDK_THREADS', { min: 0, max: 1024, fallback: 0 }),
  };
}

export interface InferencePlacement extends Placement {
  /** Which way to ONNX Runtime; training has only the `c-api`. */
  readonly runtime: RuntimeKind;
}

/** Reads what `readPlacement` reads, and DDK_RUNTIME. */
export function readInferencePlacement(env: Environment): InferencePlacement {
  return { ...readPlacement(env), runtime: env.choice('DDK_RUNTIME', ['c-api', 'binding'], 'c-api') };
}
