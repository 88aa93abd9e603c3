// Work that survives a crash: assignments fenced by compare-and-set on one record, queue items, and the events told of them.
export { type Assignment, type Claim, claimWork, type RecordCodec, type WorkRecord } from './assignment.js';
export { consumeWork, enqueueWork, workQueues } from './queue.js';
export { type EventKind, decodeRunEvent, publishRunEvent, runEventSubject } from './run-events.js';
