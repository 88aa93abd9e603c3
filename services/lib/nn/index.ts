// Emitters of graph: the built-in decoder, losses, AdamW and clipping; and the learning-rate schedule. Floor 2.
export { type AdamWHyper, emitAdamW, secondMomentUnit } from './adamw.js';
export { emitClipScale, emitGlobalNorm } from './clip.js';
export { type DecoderConfig, decoderConfigJson, parseDecoderConfig } from './config.js';
export { emitDecoder, emitDecoderDynamic } from './decoder.js';
export type { ParameterLookup } from './layers.js';
export { emitLoss, emitPlainLoss, klFactor } from './loss.js';
export type { LossInputs, Objective, TeacherTargets } from './objective.js';
export { decoderParameters, initialParameter, type ParameterSpec, parameterCount } from './parameters.js';
export { type LearningRateSchedule, learningRate } from './schedule.js';
