// Floor 2: records with compare-and-set and artifacts addressed by content. The door of `#store`.

export { type DiskStoreOptions, openDataStore, openDiskStore } from './disk.js';
export { isConflict } from './failures.js';
export { maxRecordBytes } from './keys.js';
export { openMemoryStore } from './memory.js';
export type {
  ArtifactInfo,
  ArtifactStore,
  RecordStore,
  Store,
  StoredArtifact,
  StoredRecord,
} from './types.js';
