// Work that survives a crash: assignments fenced by compare-and-set on one record, queue items, the run and the student
// they are about, and the events told of them.
export { type Assignment, claimWork, type RecordCodec, type WorkRecord } from './assignment.js';
export { doWork } from './do-work.js';
export { checkpointsInUse, checkpointsOfRun } from './kept-checkpoints.js';
export { consumeWork, enqueueWork, workQueues } from './queue.js';
export { decodeRunEvent, publishRunEvent, runEventSubject } from './run-events.js';
export { runKey, runRecords } from './run-records.js';
export { readRunSpec, requireRunId } from './run-spec.js';
export { isWorkerStopping, workerStopping } from './stopping.js';
export { readStudent, type Student } from './student.js';
export { type WorkTeller, workTeller } from './teller.js';
