// #model: a model on disk, the graphs made from it, its export, and what it says.
export { weightProblems } from './check-weights.js';
export { type ExportOptions, exportModel } from './export.js';
export { describeModel, type ModelDescription, type ModelFolder, openModel } from './folder.js';
export { generateText } from './generate.js';
export { inspectModel, type PortInfo, withoutGradient } from './inspect.js';
export { checkParity } from './parity.js';
export { sampleToken } from './sample.js';
export { type ScoringHead, scoringModel } from './scoring.js';
export { scoringFeeds } from './scoring-feeds.js';
export { openWeights, readParameter, type Weights } from './weights.js';
export { createModel, saveModel } from './write-folder.js';
