// Floor 2: records with compare-and-set and artifacts addressed by content. The door of `#store`.

export {
  type Claim,
  claimFolder,
  type Holder,
  type HolderRole,
  heldBy,
  markWriting,
  type Occupant,
  othersAtWork,
  readHolder,
} from './claim.js';
export { openDataStore, openDiskStore } from './disk.js';
export { isConflict } from './failures.js';
export { maxRecordBytes } from './keys.js';
export { openMemoryStore } from './memory.js';
export { namedBy } from './named-by.js';
export type { ArtifactStore, DeleteOptions, RecordStore, Store, StoredRecord } from './types.js';
