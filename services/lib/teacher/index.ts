// The teacher as its users see it: targets and log-probabilities of windows, pipelined over gRPC, kept on disk.
export { openTargetCache, type TargetCache, targetCacheFolder } from './target-cache.js';
export {
  type LabelScores,
  openTeacher,
  type TargetSource,
  type Targets,
  type Teacher,
  type TeacherModel,
  type TeacherOptions,
} from './teacher.js';
export { decodeFloat32, encodeTokenIds, rowsPerMessage } from './wire.js';
