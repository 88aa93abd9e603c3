// Floor 0: what every other noun stands on. The door of `#base`.

export { assert, unreachable } from './assert.js';
export { type Clock, ManualClock, systemClock } from './clock.js';
export { canonicalJson, Sha256, sha256Hex } from './digest.js';
export { Environment, presetVariable } from './environment.js';
export { DdkError, type ErrorCode, type Violation } from './errors.js';
export { failpoint } from './failpoint.js';
export {
  createFileExclusive,
  makeFolder,
  resolveInside,
  syncFolder,
  temporaryPath,
  writeFileDurable,
} from './files.js';
export { formatBytes, formatCount, formatDurationMs } from './format.js';
export { inGroups } from './groups.js';
export {
  bfloat16FromFloat,
  floatFromBfloat16,
  floatFromHalf,
  floatsFromBfloat16s,
  floatsFromHalves,
  halfFromFloat,
} from './half.js';
export { Lifecycle, onTermination } from './lifecycle.js';
export { createLogger, type Logger, setLogContext, silentLogger } from './log.js';
export { keyedPermutation } from './permutation.js';
export { keyedNormals, keyedUint32, keyedUniform } from './random.js';
export { type Report, reported } from './reported.js';
export { asOneError } from './several.js';
export { createTurns, type TakeTurn } from './turns.js';
export { invalidArgument, requireNone } from './violations.js';
