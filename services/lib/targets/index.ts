// The teacher's distributions as they travel and are kept: encodings, packed bytes, cache keys.
export { type TargetsIdentity, targetsCacheKey } from './cache-key.js';
export { decodeTargets, encodeTargets } from './codec.js';
export {
  bytesPerPosition,
  type DenseTargets,
  largestVocabSize,
  type TargetEncoding,
  type TopKTargets,
} from './encoding.js';
