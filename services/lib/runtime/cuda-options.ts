// The CUDA execution provider's options, by string, and its place beside the library.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DdkError } from '#base';
import { call, callForPointer } from './api.js';
import { withHandle } from './handle.js';
import { libraryFolder } from './library.js';
import { stringTable } from './string-table.js';
import type { SessionOptions } from './types.js';

const libraries = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/** Adds the CUDA provider to session options. Throws `failed_precondition` where its library or a device is missing. */
export function appendCuda(sessionOptions: bigint, options: SessionOptions): void {
  const missing = libraries.find((name) => !existsSync(join(libraryFolder(), name)));
  if (missing !== undefined) {
    throw new DdkError(
      'failed_precondition',
      `The provider cuda was asked for, but ${missing} is not in ${libraryFolder()}; put the CUDA provider there, or set the provider to cpu or auto.`,
    );
  }
  const entries: Readonly<Record<string, string>> = {
    device_id: String(options.deviceId ?? 0),
    // TensorFloat-32 keeps 10 bits of a product's factors; float32 programs are meant to be float32.
    use_tf32: '0',
    do_copy_in_default_stream: '1',
    // Doubling a full arena wastes up to half of the device.
    arena_extend_strategy: 'kSameAsRequested',
    ...(options.gpuMemoryLimitBytes === undefined
      ? {}
      : { gpu_mem_limit: String(options.gpuMemoryLimitBytes) }),
  };
  withHandle(callForPointer('CreateCUDAProviderOptions'), 'ReleaseCUDAProviderOptions', (cuda) => {
    const keys = stringTable(Object.keys(entries));
    const values = stringTable(Object.values(entries));
    call('UpdateCUDAProviderOptions', cuda, keys, values, keys.length);
    call('SessionOptionsAppendExecutionProvider_CUDA_V2', sessionOptions, cuda);
  });
}
