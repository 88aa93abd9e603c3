// Training: the step program with its typed state manifest, the engine that runs it, and checkpoints. Floor 4.
export { packBatch, type StepBatch, type TrainRow } from './batch.js';
export {
  readCheckpoint,
  restoreCheckpoint,
  type SavedCheckpoint,
  saveCheckpoint,
} from './checkpoint.js';
export type {
  ArtifactReference,
  CheckpointDetails,
  CheckpointManifest,
  Json,
} from './checkpoint-manifest.js';
export { type Execution, type StateSnapshot, type StateSource, TrainEngine } from './engine.js';
export { environmentDifferences, type TrainEnvironment } from './environment.js';
export { createInitialCheckpoint } from './initial-checkpoint.js';
export { type StateRole, type StateTensor, stateTensors } from './manifest.js';
export type { DomainMetrics, LossMeans, StepMetrics } from './metrics.js';
export { compileStep, type StepProgram } from './program.js';
export { checkSpec, type OptimizerSpec, rowsOf, type StepSpec, type StepTargets } from './spec.js';
