// Session configuration that is given by string, the same for both implementations.
import { denormalsAreFlushed } from './denormals.js';
import type { SessionOptions } from './types.js';

/** Keys of onnxruntime_session_options_config_keys.h. */
export function configEntries(options: SessionOptions): Readonly<Record<string, string>> {
  const { spinUs = 0 } = options;
  return {
    // AdamW's moments decay into denormals, on which a CPU is some hundred times slower.
    'session.set_denormal_as_zero': denormalsAreFlushed ? '1' : '0',
    'session.intra_op.allow_spinning': spinUs > 0 ? '1' : '0',
    ...(spinUs > 0 ? { 'session.intra_op.spin_duration_us': String(spinUs) } : {}),
    'session.use_deterministic_compute': '1',
    ...(options.externalDataFolder === undefined
      ? {}
      : { 'session.model_external_initializers_file_folder_path': options.externalDataFolder }),
  };
}
