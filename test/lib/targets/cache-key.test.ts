// Cache keys: one for each set of circumstances that decides the bytes.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type TargetsIdentity, targetsCacheKey } from '#targets';

const identity: TargetsIdentity = {
  windowIds: Int32Array.of(5, 70_000, 2),
  mask: Uint8Array.of(1, 0),
  teacherFingerprint: 'sha256:aa',
  encoding: { kind: 'top_k', k: 16 },
  temperature: 1,
  vocabSize: 100_000,
  provider: 'cpu',
  precision: 'float32',
  shapeBucket: '8x128',
};

test('the key of a window is stable across processes and machines', () => {
  assert.match(targetsCacheKey(identity), /^[0-9a-f]{64}$/);
  // Keys made before stay valid: a change here needs a new format version.
  assert.equal(targetsCacheKey(identity), 'f7207a3b8fc11f65d5740bc5cff0907941d6ebecb00b37301acfd900fbfc84df');
});

test('equal circumstances give the same key', () => {
  const copy = { ...identity, windowIds: Int32Array.from(identity.windowIds), formatVersion: 1 };
  assert.equal(targetsCacheKey(copy), targetsCacheKey(identity));
});

test('every circumstance enters the key', () => {
  const changes: readonly Partial<TargetsIdentity>[] = [
    { windowIds: Int32Array.of(5, 70_000, 3) },
    { windowIds: Int32Array.of(5, 70_000) },
    { mask: Uint8Array.of(1, 1) },
    { teacherFingerprint: 'sha256:ab' },
    { encoding: { kind: 'top_k', k: 17 } },
    { encoding: { kind: 'dense_f16' } },
    { temperature: 2 },
    { vocabSize: 99_999 },
    { provider: 'cuda' },
    { precision: 'bfloat16' },
    { shapeBucket: '16x128' },
    { formatVersion: 2 },
  ];
  const keys = [identity, ...changes.map((change) => ({ ...identity, ...change }))].map(targetsCacheKey);
  assert.equal(new Set(keys).size, keys.length);
});
