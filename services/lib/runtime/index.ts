// ONNX Runtime sessions: the C API by FFI, and onnxruntime-node's binding behind the same interface.
export { openRuntime } from './open.js';
export {
  type InferencePlacement,
  type Placement,
  readInferencePlacement,
  readPlacement,
} from './placement.js';
export { probeProvider } from './probe.js';
export { chooseProvider } from './provider.js';
export {
  type Binding,
  isResident,
  type Provider,
  type ProviderSetting,
  type ResidentSession,
  type ResidentTensor,
  type Runtime,
  type Session,
  type SessionOptions,
  type TensorInfo,
} from './types.js';
