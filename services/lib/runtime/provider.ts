// Chooses the execution provider from a setting and what lies beside the library.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { libraryFolder } from './library.js';
import type { Provider, ProviderSetting } from './types.js';

const cudaLibrary = 'libonnxruntime_providers_cuda.so';

/**
 * The provider to use and why, for the log and health. `auto` takes CUDA where its provider library lies beside
 * ONNX Runtime's; whether a device answers shows when a session is created.
 */
export function chooseProvider(
  setting: ProviderSetting,
  folder: string = libraryFolder(),
): { readonly provider: Provider; readonly why: string } {
  if (setting !== 'auto') return { provider: setting, why: `set to ${setting}` };
  return existsSync(join(folder, cudaLibrary))
    ? { provider: 'cuda', why: `${cudaLibrary} is present` }
    : { provider: 'cpu', why: `${cudaLibrary} is not present` };
}
