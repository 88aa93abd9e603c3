// The safetensors file format: reading by tensor, and streamed canonical writing.
export { type WeightDtype, weightDtype } from './dtype.js';
export { parseHeader, type SafetensorsHeader, type TensorEntry } from './header.js';
export { readFloat32, readHeader, readTensor, toFloat32 } from './read.js';
export { safetensorsPieces, type TensorSource, writeSafetensors } from './write.js';
