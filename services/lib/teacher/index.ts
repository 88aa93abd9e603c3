// The teacher as its users see it: targets and log-probabilities of windows, pipelined over gRPC, kept on disk.
export { openTargetCache, type TargetCache, targetCacheFolder } from './target-cache.js';
export { openTeacher } from './teacher.js';
export { openTeacherCheck, type TeacherCheck, type TeacherCheckOptions } from './teacher-check.js';
export type {
  LabelScores,
  TargetSource,
  Targets,
  Teacher,
  TeacherModel,
  TeacherOptions,
} from './types.js';
export { decodeFloat32, encodeTokenIds, rowsPerMessage } from './wire.js';
