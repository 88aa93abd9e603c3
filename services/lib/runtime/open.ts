// Opens a runtime of the wanted kind.
import { BindingRuntime } from './binding-runtime.js';
import { CRuntime } from './c-runtime.js';
import type { Runtime, RuntimeKind } from './types.js';

/** Opens ONNX Runtime. `c-api` is the default; `binding` is onnxruntime-node's own, for inference. */
export async function openRuntime(kind: RuntimeKind = 'c-api'): Promise<Runtime> {
  switch (kind) {
    case 'c-api':
      return new CRuntime();
    case 'binding':
      return new BindingRuntime();
  }
}
