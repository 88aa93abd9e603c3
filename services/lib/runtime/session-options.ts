// Turns SessionOptions into an OrtSessionOptions handle.
import { DdkError } from '#base';
import { call, callForPointer } from './api.js';
import { appendCuda } from './cuda-options.js';
import { Handle } from './handle.js';
import { configEntries } from './session-config.js';
import type { SessionOptions } from './types.js';

// GraphOptimizationLevel of onnxruntime_c_api.h.
const levels = { disabled: 0, basic: 1, extended: 2, all: 99 } as const;

// Errors travel in statuses, so the library itself stays silent but for fatal ones (OrtLoggingLevel 4).
export const logLevel = 4;

/** The handle of these options, to be released by the caller once the session exists. */
export function nativeSessionOptions(options: SessionOptions): Handle {
  if (!Number.isInteger(options.threads) || options.threads < 0) {
    throw new DdkError(
      'invalid_argument',
      `threads is ${options.threads}; give a whole number, 0 for all cores`,
    );
  }
  const handle = new Handle(callForPointer('CreateSessionOptions'), 'ReleaseSessionOptions');
  try {
    configure(handle.address, options);
    return handle;
  } catch (error) {
    handle.release();
    throw error;
  }
}

function configure(handle: bigint, options: SessionOptions): void {
  call('SetSessionLogSeverityLevel', handle, logLevel);
  call('SetSessionGraphOptimizationLevel', handle, levels[options.optimisation ?? 'all']);
  call('SetIntraOpNumThreads', handle, options.threads);
  call('SetInterOpNumThreads', handle, 1);
  if (options.memoryPattern === false) call('DisableMemPattern', handle);
  for (const [key, value] of Object.entries(configEntries(options))) {
    call('AddSessionConfigEntry', handle, key, value);
  }
  if (options.profilePrefix !== undefined) call('EnableProfiling', handle, options.profilePrefix);
  if (options.provider === 'cuda') appendCuda(handle, options);
}
