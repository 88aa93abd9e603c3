// #model: a model on disk, the graphs made from it, its export, and what it says.
export { checkWeights } from './check-weights.js';
export { type ExportOptions, exportGraph, exportModel } from './export.js';
export { modelFingerprint } from './fingerprint.js';
export { checkVocabulary, type ModelFolder, openModel, readModelConfig } from './folder.js';
export { type Generated, type GenerateOptions, generateText } from './generate.js';
export { inspectModel, type ModelReport, type PortInfo, withoutGradient } from './inspect.js';
export { checkParity, type Parity } from './parity.js';
export { checkSampling, type SamplingOptions, sampleToken } from './sample.js';
export { type ScoringHead, type ScoringModel, type ScoringOptions, scoringModel } from './scoring.js';
export { openWeights, readParameter, type WeightPlace, type Weights } from './weights.js';
export {
  createModel,
  type SaveOptions,
  saveModel,
  writeFloat32Weights,
  writeParameters,
} from './write-folder.js';
