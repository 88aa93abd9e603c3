// The teacher as its users see it: targets and log-probabilities of windows, pipelined over gRPC, kept on disk.
export { openTargetCache, targetCacheFolder } from './target-cache.js';
export { openTeacher } from './teacher.js';
export { openTeacherCheck } from './teacher-check.js';
export type { Targets, Teacher, TeacherModel, TeacherOptions } from './types.js';
export { rowsPerMessage } from './wire.js';
