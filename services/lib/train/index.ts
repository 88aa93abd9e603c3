// Training: the step program with its typed state manifest, the engine that runs it, and checkpoints. Floor 4.
export type { TrainRow } from './batch.js';
export { readCheckpoint, restoreCheckpoint, saveCheckpoint } from './checkpoint.js';
export type { CheckpointManifest } from './checkpoint-manifest.js';
export { type Execution, type StateSource, TrainEngine } from './engine.js';
export { environmentDifferences } from './environment.js';
export { createInitialCheckpoint } from './initial-checkpoint.js';
export { stateTensors } from './manifest.js';
export type { StepMetrics } from './metrics.js';
export { openCheckpoint } from './open-checkpoint.js';
export { compileStep, type StepProgram } from './program.js';
export type { StepSpec } from './spec.js';
export { SupersededCheckpoints } from './superseded.js';
