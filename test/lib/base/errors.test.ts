// The error class and the digests.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import {
  canonicalJson,
  DdkError,
  invalidArgument,
  assert as invariant,
  requireNone,
  Sha256,
  sha256Hex,
  unreachable,
} from '#base';

test('an error carries its code, its violations and its cause', () => {
  const cause = new Error('below');
  const error = new DdkError('invalid_argument', 'alpha is 2.', {
    cause,
    reason: 'BAD_SPEC',
    violations: [{ field: 'alpha', description: 'must be in [0, 1], is 2' }],
  });
  assert.equal(error.cause, cause);
  assert.equal(error.reason, 'BAD_SPEC');
  assert.equal(error.violations[0]?.field, 'alpha');
  assert.equal(String(error), '[invalid_argument] alpha is 2.');
  assert.ok(error instanceof Error);
});

test('only errors that may pass by themselves are retryable', () => {
  assert.ok(new DdkError('unavailable', '').retryable);
  assert.ok(new DdkError('aborted', '').retryable);
  assert.ok(!new DdkError('invalid_argument', '').retryable);
  assert.ok(!new DdkError('data_loss', '').retryable);
});

test('whatever was thrown becomes an error with a fitting code', async () => {
  const original = new DdkError('aborted', 'x');
  assert.equal(DdkError.from(original), original);
  assert.equal(DdkError.from('text').message, 'text');
  assert.equal(DdkError.from(new TypeError('x')).code, 'internal');
  assert.equal(DdkError.from(AbortSignal.abort().reason).code, 'cancelled');
  assert.equal(DdkError.from(Object.assign(new Error(''), { code: 'ENOSPC' })).code, 'resource_exhausted');
  assert.equal(DdkError.from(Object.assign(new Error(''), { code: 'EROFS' })).code, 'permission_denied');
  await assert.rejects(
    readFile('/nowhere/at/all').catch((error) => Promise.reject(DdkError.from(error))),
    (error) => error instanceof DdkError && error.code === 'not_found' && /\/nowhere/.test(error.message),
  );
});

test('a broken invariant is not a user mistake', () => {
  assert.throws(() => invariant(false, 'one is two'), /^Error: internal: one is two$/);
  assert.throws(() => unreachable('x' as never), /internal: value outside its type: "x"/);
});

test('digests agree with the published test vector, whole and streamed', () => {
  // FIPS 180-2, appendix B.1.
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(sha256Hex('abc'), abc);
  assert.equal(new Sha256().update(Buffer.from('a')).update(Buffer.from('bc')).hex(), abc);
});

test('equal values have equal canonical JSON', () => {
  assert.equal(
    canonicalJson({ b: [1, null, { z: 1, y: undefined }], a: 'é"' }),
    '{"a":"é\\"","b":[1,null,{"z":1}]}',
  );
  assert.throws(() => canonicalJson(Number.NaN), /internal: NaN has no JSON form/);
  assert.throws(() => canonicalJson({ at: new Date(0) }), /internal/);
  assert.throws(() => canonicalJson([1n]), /internal/);
});

test('violations become one sentence with all of them, and none become nothing', () => {
  const violations = [
    { field: 'a', description: 'is missing' },
    { field: 'b', description: 'is 3, must be 4' },
  ];
  const error = invalidArgument(violations, 'It cannot be');
  assert.equal(error.message, 'It cannot be: a is missing; b is 3, must be 4.');
  assert.equal(error.code, 'invalid_argument');
  assert.deepEqual(error.violations, violations);
  assert.throws(() => requireNone(violations), { message: 'a is missing; b is 3, must be 4.' });
  requireNone([]);
});
