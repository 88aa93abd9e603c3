// Floor 2: publish, subscribe and work queues. The door of `#bus`.

export { cloudEventHeaders } from './cloud-events.js';
export { deadLetterSubject, retryDelayMs } from './dead-letters.js';
export { openMemoryBus } from './memory.js';
export { subjectMatches } from './subjects.js';
export type { Bus, BusMessage, ConsumeOptions, Delivery, Stop } from './types.js';
